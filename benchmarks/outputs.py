"""The files of a benchmark, which share one name: the record as JSON, its rows as CSV, the plot and the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.files import write_text

from .drawing import save_figure
from .table import write_csv, write_record

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from matplotlib.figure import Figure


def write_outputs(
    folder: Path,
    name: str,
    page: str,
    figure: Figure | None,
    record: DataclassInstance | None = None,
    rows: Sequence[DataclassInstance] | None = None,
    dpi: int = 110,
) -> Path:
    """Write `NAME.json`, `.csv`, `.png` and `.md` into a folder; the first two only where they are given.

    Returns:
        The path of the page.
    """
    if record is not None:
        write_record(folder / f"{name}.json", record)
    if rows is not None:
        write_csv(folder / f"{name}.csv", rows)
    save_figure(folder / f"{name}.png", figure, dpi)
    write_text(folder / f"{name}.md", page)
    return folder / f"{name}.md"
