"""Progress of a run, reported to whoever called it. The library prints nothing; commands pass a reporter that does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from fer_zoo.training.history import EpochRecord

Item = TypeVar("Item")

# Called after each step, with a description of the work, such as "epoch 3/40".
Advance = Callable[[str], None]


class Reporter:
    """A silent reporter, to be overridden; `fer_zoo.cli.console_reporter.ConsoleReporter` prints."""

    def message(self, text: str) -> None:
        """One line of text."""

    def epoch(self, record: EpochRecord, number: int, epochs: int) -> None:
        """Called after epoch `number` of the `epochs` of a phase."""

    def progress(self, description: str, total: int, done: int = 0) -> AbstractContextManager[Advance]:
        """Show a progress bar while the context lives.

        Args:
            description: Name of the work, such as "features".
            total: Number of steps.
            done: Steps that are done already.
        """
        return nullcontext(lambda description: None)

    def track(self, items: Sequence[Item], description: str) -> Iterator[Item]:
        """Iterate over `items` under a progress bar."""
        with self.progress(description, len(items)) as advance:
            for item in items:
                yield item
                advance(description)


SILENT = Reporter()
