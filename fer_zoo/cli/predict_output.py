"""Where the answers of `fer-zoo predict` for photos go: a file or stdout, row by row or as a whole at the end."""

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
    """Takes the answers in the order of the files; used as a context, at whose end all is written.

    What is answered is kept where the work breaks off.

    Args:
        path: The file; stdout where there is none.
        total: Files that are to be answered.

    Attributes:
        answered: Files so far.
        failed: Files that could not be read or drawn.
    """

    def __init__(self, path: Path | None, total: int) -> None:
        self._path = path
        self._total = total
        self.answered = 0
        self.failed = 0

    def add(self, file: str, predictions: list[Prediction]) -> None:
        """Take a file that was read."""
        self.answered += 1

    def fail(self, failure: Failure) -> None:
        """Take a file that could not be read or drawn, and say so."""
        self.failed += 1
        print_error(failure.error)

    def finish(self) -> None:
        """Write what is not written yet."""
        raise NotImplementedError

    def __enter__(self) -> PhotoOutput:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.answered and isinstance(error, KeyboardInterrupt | FerZooError | OSError | MemoryError):
            err.print(f"stopped after {self.answered:,} of {plural(self._total, 'file')}")
        if error is None or self.answered:
            self.finish()


class DocumentOutput(PhotoOutput):
    """A table or one JSON document, written at the end.

    Args:
        path: The file; stdout where there is none.
        total: Files that are to be answered.
        form: `table` or `json`.
        results: Collects the answers.
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
        path: The file, which is opened when the first row comes; stdout where there is none.
        total: Files that are to be answered.
        form: `csv` or `jsonl`.
        top_k: Expressions told of each face.
        empty: Whether files without faces have a row in CSV.
        kept_size: Bytes of an earlier output that stay at the start of the file; 0 for a new file.
    """

    def __init__(self, path: Path | None, total: int, form: str, top_k: int, empty: bool, kept_size: int = 0) -> None:
        super().__init__(path, total)
        self._rows = ResultRows(form, self._write, top_k, empty)
        self._kept_size = kept_size
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
            # Unbuffered: what is answered is in the file, however the process ends.
            self._file = self._path.open("r+b" if self._kept_size else "wb", buffering=0)
            self._file.truncate(self._kept_size)
            self._file.seek(self._kept_size)
        if not self._kept_size:
            self._rows.start()

    def _write(self, text: str) -> None:
        if self._file is None:
            write_out(text)
        else:
            # Names of files may hold bytes that are no text.
            self._file.write(text.encode(errors="replace"))
