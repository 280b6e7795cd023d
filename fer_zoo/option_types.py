"""Types of command-line options that are numbers within limits, for `argparse`."""

from __future__ import annotations

from argparse import ArgumentTypeError


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def positive_number(text: str) -> float:
    """A number above 0, such as seconds; below 1e9, the most that a timeout may be."""
    value = float(text)
    if not 0 < value < 1e9:
        raise ArgumentTypeError(f"{text!r} is not a number above 0 and below 1e9")
    return value


def not_negative(text: str) -> float:
    """A finite number of at least 0, such as a price or a weight."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError("must be a number of at least 0")
    return value
