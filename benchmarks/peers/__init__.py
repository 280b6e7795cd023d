"""The published models for the same task, measured side by side with ours: `python -m benchmarks peers`."""

from __future__ import annotations


def main(arguments: list[str]) -> int:
    """The command; its modules are imported when it runs, since `cold_start` in this package must start lean."""
    from .command import main as command

    return command(arguments)
