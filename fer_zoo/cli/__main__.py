"""`python -m fer_zoo.cli COMMAND …`: the console script `fer-zoo`."""

import sys

from fer_zoo.cli.main import entry, main

__all__ = ["main"]


if __name__ == "__main__":
    sys.exit(entry())
