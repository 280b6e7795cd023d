"""`python -m fer_zoo.ensemble`: the command `fer-zoo ensemble`."""

import sys

from fer_zoo.cli.ensemble import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(run(main))
