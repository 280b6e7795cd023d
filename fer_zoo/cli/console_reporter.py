"""Progress of a run on the terminal: one line for each epoch, and a progress bar on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fer_zoo import console
from fer_zoo.training.history import EpochRecord
from fer_zoo.training.reporter import Advance, Reporter


class ConsoleReporter(Reporter):
    """Prints messages and epochs on stdout, and shows progress on stderr: a bar, or lines where that is no terminal."""

    def message(self, text: str) -> None:
        console.out.print(text, markup=False)

    def epoch(self, record: EpochRecord, number: int, epochs: int) -> None:
        name = "head" if record.phase == "head" else "epoch"
        console.out.print(
            f"{name} {number:3}/{epochs}  {record.seconds:6.1f} s  loss {record.loss:.4f}  accuracy "
            f"{record.accuracy:.2%}  selection loss {record.selection_loss:.4f}  accuracy "
            f"{record.selection_accuracy:.2%}"
        )

    @contextmanager
    def progress(self, description: str, total: int, done: int = 0) -> Iterator[Advance]:
        with console.progress() as bar:
            task = bar.add_task(description, total=total, completed=done)

            def advance(description: str) -> None:
                bar.update(task, description=description)
                bar.advance(task)

            yield advance
