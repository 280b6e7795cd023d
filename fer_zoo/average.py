"""`python -m fer_zoo.average`: the command `fer-zoo average`."""

import sys

from fer_zoo.cli.average import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(run(main))
