"""`python -m fer_zoo.evaluate`: the command `fer-zoo evaluate`."""

import sys

from fer_zoo.cli.evaluate import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(run(main))
