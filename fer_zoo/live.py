"""`python -m fer_zoo.live`: the command `fer-zoo live`."""

import sys

from fer_zoo.cli.live import main
from fer_zoo.console import run

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(run(main))
