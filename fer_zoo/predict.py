"""`python -m fer_zoo.predict`: the command `fer-zoo predict`."""

import sys

from fer_zoo.cli.predict import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(run(main))
