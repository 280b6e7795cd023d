"""Formats values as text for messages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence


def plural(count: int, noun: str) -> str:
    """A count with its noun, such as `1 image` or `2,871 images`; for nouns whose plural ends in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def some(names: Sequence[str], count: int = 3) -> str:
    """The first names of a long list, and the number of the others."""
    more = f"; and {len(names) - count:,} more" if len(names) > count else ""
    return "; ".join(names[:count]) + more


def printable(path: str | os.PathLike[str]) -> str:
    """A path as printable text; bytes of the file name that are not valid text are replaced."""
    return os.fsencode(path).decode(errors="replace")


def reason(error: Exception) -> str:
    """The message of a library's exception in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__).splitlines()[0]


def markdown_rows(rows: Iterable[Iterable[str]]) -> str:
    """The lines of a markdown table: its header, the rule below it, and its rows; a `|` in a cell is escaped."""
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)
