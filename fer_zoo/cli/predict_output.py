"""Writes the results of `fer-zoo predict` for photos to a file or stdout, row by row or as a whole at the end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO

from fer_zoo.console import err, out, print_error, write_out
from fer_zoo.errors import FerZooError
from fer_zoo.faces.result_rows import ResultRows
from fer_zoo.faces.results import BAR, Failure, Prediction, Results
from fer_zoo.files import write_text
from fer_zoo.tables import print_table
from fer_zoo.text import plural


class PhotoOutput:
    """Writes results in the order of the files; a context manager, which writes the rest when it exits.

    If the work is interrupted, the results so far are written.

    Args:
        path: The file; `None` is stdout.
        total: Number of files to classify.

    Attributes:
        classified: Number of files classified so far.
        failed: Files that could not be read or drawn.
    """

    def __init__(self, path: Path | None, total: int) -> None:
        self._path = path
        self._total = total
        self.classified = 0
        self.failed = 0

    def add(self, file: str, predictions: list[Prediction]) -> None:
        """Add a file that was read."""
        self.classified += 1

    def fail(self, failure: Failure) -> None:
        """Add a file that could not be read or drawn, and print the error."""
        self.failed += 1
        print_error(failure.error)

    def finish(self) -> None:
        """Write the results that are not written yet."""
        raise NotImplementedError

    def __enter__(self) -> PhotoOutput:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.classified and isinstance(error, KeyboardInterrupt | FerZooError | OSError | MemoryError):
            err.print(f"stopped after {self.classified:,} of {plural(self._total, 'file')}")
        if error is None or self.classified:
            self.finish()


class DocumentOutput(PhotoOutput):
    """A table or one JSON document, written at the end.

    Args:
        path: The file; `None` is stdout.
        total: Number of files to classify.
        form: `table` or `json`.
        results: Collects the predictions.
    """

    def __init__(self, path: Path | None, total: int, form: str, results: Results) -> None:
        super().__init__(path, total)
        self._form = form
        self._results = results

    def add(self, file: str, predictions: list[Prediction]) -> None:
        super().add(file, predictions)
        self._results.add(file, predictions)

    def fail(self, failure: Failure) -> None:
        super().fail(failure)
        self._results.fail(failure)

    def finish(self) -> None:
        if self._path:
            write_text(self._path, self._results.to_text(self._form))
        elif self._form == "table" and out.is_terminal:
            if self._results.files:
                print_table(self._results.to_table(), optional=[BAR])
        else:
            write_out(self._results.to_text(self._form))


class RowOutput(PhotoOutput):
    """CSV or JSON lines, written as they come: memory does not grow with the number of files.

    Args:
        path: The file, which is opened when the first row is written; `None` is stdout.
        total: Number of files to classify.
        form: `csv` or `jsonl`.
        top_k: Number of expressions for each face.
        empty: Whether files without faces get a row in CSV.
        done_size: Bytes of complete rows in an earlier output, after which to continue; 0 for a new file.
    """

    def __init__(self, path: Path | None, total: int, form: str, top_k: int, empty: bool, done_size: int = 0) -> None:
        super().__init__(path, total)
        self._rows = ResultRows(form, self._write, top_k, empty)
        self._done_size = done_size
        self._file: IO[bytes] | None = None
        self._started = False

    def add(self, file: str, predictions: list[Prediction]) -> None:
        self._start()
        self._rows.add(file, predictions)
        super().add(file, predictions)

    def fail(self, failure: Failure) -> None:
        super().fail(failure)
        self._start()
        self._rows.fail(failure)

    def finish(self) -> None:
        self._start()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            if self._file:
                self._file.close()

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: finished rows are in the file, however the process ends.
            self._file = self._path.open("r+b" if self._done_size else "wb", buffering=0)
            self._file.truncate(self._done_size)
            self._file.seek(self._done_size)
        if not self._done_size:
            self._rows.start()

    def _write(self, text: str) -> None:
        if self._file is None:
            write_out(text)
        else:
            # Names of files may hold bytes that are no text.
            self._file.write(text.encode(errors="replace"))
