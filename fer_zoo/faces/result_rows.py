"""The results of `fer-zoo predict` as CSV or JSON lines, written photo by photo; an interrupted output is continued."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from fer_zoo.errors import UsageError
from fer_zoo.faces.results import Failure, Prediction, prediction_entry


class ResultRows:
    """Writes the rows of each photo as soon as it is classified.

    In CSV each face has a row; in JSON lines each file, with its faces or the reason why it could not be read.

    Args:
        form: `csv` or `jsonl`.
        write: Function that writes text to the output.
        top_k: Number of expressions for each face.
        empty: Whether files without faces get a row in CSV.
    """

    def __init__(self, form: str, write: Callable[[str], object], top_k: int, empty: bool) -> None:
        self._form = form
        self._write = write
        self._top_k = top_k
        self._empty = empty

    def start(self) -> None:
        """Write the CSV header; JSON lines have none."""
        if self._form == "csv":
            self._write(",".join(csv_columns(self._top_k)) + "\n")

    def add(self, file: str, predictions: list[Prediction]) -> None:
        """Write the rows of a file that was read."""
        if self._form == "jsonl":
            faces = [prediction_entry(prediction) for prediction in predictions]
            for face in faces:
                del face["file"]
            self._write_line({"file": file, "predictions": faces})
            return
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows(csv_row(prediction) for prediction in predictions)
        if self._empty and not predictions:
            writer.writerow([file, *[""] * (6 + 2 * self._top_k)])
        self._write(buffer.getvalue())

    def fail(self, failure: Failure) -> None:
        """Write that a file could not be read; CSV has no row for it."""
        if self._form == "jsonl":
            self._write_line({"file": failure.file, "error": failure.error})

    def _write_line(self, content: dict[str, object]) -> None:
        self._write(json.dumps(content, ensure_ascii=False) + "\n")


def csv_columns(top_k: int) -> list[str]:
    """The header of CSV."""
    ranks = [f"{column}_{rank}" for rank in range(1, top_k + 1) for column in ("label", "probability")]
    return ["file", "face", "x", "y", "width", "height", "score", *ranks]


def csv_row(prediction: Prediction) -> list[object]:
    """The values of a face in the order of `csv_columns`; box and score are empty if the whole picture is the face."""
    face = prediction.face
    box = [*(round(value, 1) for value in face.box), round(face.score, 4)] if face else [""] * 5
    return [prediction.file, prediction.number, *box, *(value for pair in prediction.expressions for value in pair)]


def finished_files(path: Path, form: str, top_k: int) -> tuple[set[str], int]:
    """Which files an earlier, perhaps interrupted output contains completely.

    Args:
        path: Path of the output.
        form: `csv` or `jsonl`.
        top_k: Number of expressions for each face, which decides the columns of CSV.

    Returns:
        The names of the files whose rows are complete, and the size of these rows in bytes. After them there may be
        rows of one more file, which may be incomplete.

    Raises:
        UsageError: The file is not such an output.
    """
    with path.open("rb") as file:
        return _lines_finished(file, path) if form == "jsonl" else _rows_finished(file, path, csv_columns(top_k))


def _lines_finished(file: IO[bytes], path: Path) -> tuple[set[str], int]:
    names: set[str] = set()
    size = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        try:
            names.add(json.loads(line)["file"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is no earlier output in JSON lines; give another name") from error
        size += len(line)
    return names, size


def _rows_finished(file: IO[bytes], path: Path, columns: list[str]) -> tuple[set[str], int]:
    end = 0  # Position after the row that was read last.

    def lines() -> Iterator[str]:
        nonlocal end
        for line in file:
            end += len(line)
            yield line.decode("utf-8", errors="replace")

    rows = csv.reader(lines())
    names: set[str] = set()
    last, start = "", 0
    try:
        header = next(rows, None)
        if header is not None and header != columns:
            raise UsageError(f"{path} has other columns than this command writes; give another name, or its --top-k")
        start = before = end
        for row in rows:
            if row and row[0] != last:
                last, start = row[0], before
                names.add(last)
            before = end
    except csv.Error as error:
        raise UsageError(f"{path} is no earlier output in CSV ({error}); give another name") from error
    return names - {last}, start
