"""Words that go with a number."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 image`, `2,871 images`; for nouns whose plural ends in s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
