"""`python -m fer_zoo.data`: the command `fer-zoo data`."""

import sys

from fer_zoo.cli.data import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.argv[0] = "python -m fer_zoo.data"
    sys.exit(run(main))
