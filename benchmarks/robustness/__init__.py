"""Corruptions, calibration, confused pairs and other data sets: `python -m benchmarks robustness`."""

from __future__ import annotations


def main(arguments: list[str]) -> int:
    """The command; its modules are imported when it runs."""
    from .command import main as command

    return command(arguments)
