"""`python -m fer_zoo.train`: the command `fer-zoo train`."""

import sys

from fer_zoo.cli.train import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(run(main))
