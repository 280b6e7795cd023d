"""Parity, speed, accuracy and robustness of the zoo's files, and the reports of it: `python -m benchmarks`.

In a wheel this package and `export` lie inside fer_zoo: it imports its own modules relatively, and `export` by
`export_module`. `BENCHMARK` and `EXPORT` are the commands as a user types them in either place.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

_PARENT = __name__.removesuffix("benchmarks")

BENCHMARK = "fer-zoo benchmark" if _PARENT else "python -m benchmarks"
EXPORT = "fer-zoo export" if _PARENT else "python -m export"


def export_module(name: str) -> ModuleType:
    """A module of `export`, such as `folding`."""
    return import_module(f"{_PARENT}export.{name}")
