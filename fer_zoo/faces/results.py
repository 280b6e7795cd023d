"""The results of `fer-zoo predict` as a table or JSON, which are written after the last photo."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from fer_zoo.faces.detector import Face
from fer_zoo.tables import table_text

# Header of the column of bars.
BAR = " "
_BAR_WIDTH = 10


@dataclass(frozen=True)
class Prediction:
    """One face and its most probable expressions.

    Attributes:
        file: Name of the photo.
        number: Number of the face in the photo, from 1.
        face: Box, landmarks and score; `None` if the whole picture was taken as the face.
        expressions: Pairs of label and probability, the most probable first.
    """

    file: str
    number: int
    face: Face | None
    expressions: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Failure:
    """A file without a prediction, and why."""

    file: str
    error: str


@dataclass
class Results:
    """All predictions of one command.

    Attributes:
        model: The model file.
        runtime: The runtime that ran it.
        files: Each file that was read, with its faces.
        failures: Files that could not be read.
    """

    model: str
    runtime: str
    files: list[tuple[str, list[Prediction]]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def predictions(self) -> list[Prediction]:
        """The faces, file by file."""
        return [prediction for _, predictions in self.files for prediction in predictions]

    @property
    def without_faces(self) -> list[str]:
        """Files in which no face was found."""
        return [file for file, predictions in self.files if not predictions]

    def add(self, file: str, predictions: list[Prediction]) -> None:
        """Add a file that was read."""
        self.files.append((file, predictions))

    def fail(self, failure: Failure) -> None:
        """Add a file that could not be read."""
        self.failures.append(failure)

    def to_text(self, form: str) -> str:
        """The results as text; `form` is `table` or `json`."""
        return self._to_json() if form == "json" else self._to_plain_table()

    def to_table(self) -> Table:
        """The results as a coloured table for a terminal."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("file", overflow="fold")
        for heading in ("face", "expression", BAR, ""):
            table.add_column(heading, no_wrap=True)
        table.add_column("then", style="dim")
        for prediction in self.predictions:
            (label, probability), *others = prediction.expressions
            filled = round(probability * _BAR_WIDTH)
            bar = f"[green]{'█' * filled}[/green][dim]{'░' * (_BAR_WIDTH - filled)}[/dim]"
            then = ", ".join(f"{_escaped(name)} {share:.2f}" for name, share in others)
            table.add_row(
                _escaped(prediction.file), _box_text(prediction), _escaped(label), bar, f"{probability:.2f}", then
            )
        for file in self.without_faces:
            table.add_row(_escaped(file), "none found")
        return table

    def _to_plain_table(self) -> str:
        """The table for a file or a pipe: without colours, and with lines of any length."""
        if not self.predictions and not self.without_faces:
            return ""
        return table_text(self.to_table())

    def _to_json(self) -> str:
        content = {
            "model": self.model,
            "runtime": self.runtime,
            "predictions": [prediction_entry(prediction) for prediction in self.predictions],
            "without_faces": self.without_faces,
            "failures": [{"file": failure.file, "error": failure.error} for failure in self.failures],
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def prediction_entry(prediction: Prediction) -> dict[str, Any]:
    """A face as a JSON object."""
    face = prediction.face
    return {
        "file": prediction.file,
        "face": prediction.number,
        "box": [round(value, 1) for value in face.box] if face else None,
        "landmarks": [[round(float(value), 1) for value in point] for point in face.landmarks] if face else None,
        "score": round(face.score, 4) if face else None,
        "expressions": [{"label": label, "probability": share} for label, share in prediction.expressions],
    }


def _box_text(prediction: Prediction) -> str:
    if prediction.face is None:
        return "whole picture"
    x, y, width, height = (round(value) for value in prediction.face.box)
    return f"{width}x{height} at {x},{y}"


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
