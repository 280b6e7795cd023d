"""`python -m fer_zoo.serve`: the command `fer-zoo serve`."""

import sys

from fer_zoo.cli.serve import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(run(main))
