"""The options of an export: its data, its files, and the function that receives its messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

# Shows a sentence or a table to the person who waits for the export.
Reporter = Callable[[str | Table], None]


def silent(message: str | Table) -> None:
    """A reporter that shows nothing."""


@dataclass(frozen=True)
class ExportOptions:
    """How the files of an export are made, checked and reported.

    Attributes:
        data: Folder, zip or CSV with images of the model's classes; `None` as in `images_for`. Parity is measured on
            all its test images.
        ferplus: FER+'s votes, for a model of its expressions; `None` is the bundled file.
        calibration_images: Number of training images that int8 is calibrated on.
        formats: `onnx`, `tflite` or both.
        leave_out: Files not to write, each `format:precision`.
        also: Files to write in addition, which are made on request only, each `format:precision`.
        force: Replace another model or other files in the output folder.
        command: The command line, which is recorded.
        report: Receives the table of parity measures, and sentences on the data and on what was written.
    """

    data: str | None = None
    ferplus: Path | None = None
    calibration_images: int = 512
    formats: tuple[str, ...] = ("onnx", "tflite")
    leave_out: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    force: bool = False
    command: str = ""
    report: Reporter = silent

    def includes(self, target: object) -> bool:
        """Whether a file, written as `format:precision`, is of a chosen format and not left out."""
        return str(target).partition(":")[0] in self.formats and str(target) not in self.leave_out
