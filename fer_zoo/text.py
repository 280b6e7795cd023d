"""Text for messages."""

from __future__ import annotations

import os
from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """`1 image`, `2,871 images`; for nouns whose plural ends in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def some(names: Sequence[str], count: int = 3) -> str:
    """The first of many names, and how many more there are."""
    more = f"; and {len(names) - count:,} more" if len(names) > count else ""
    return "; ".join(names[:count]) + more


def printable(path: str | os.PathLike[str]) -> str:
    """A path as text: a file name may have bytes that are none."""
    return os.fsencode(path).decode(errors="replace")


def reason(error: Exception) -> str:
    """What a library's exception says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__).splitlines()[0]
