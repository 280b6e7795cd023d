"""The notebook runs from top to bottom."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("nbclient")


# The files of plots that training and export write are not looked at; those that the notebook shows are drawn.
_UNDRAWN = """
from matplotlib.figure import Figure
from PIL import Image
Figure.savefig = lambda figure, path, **options: Image.new("L", (1, 1)).save(path, "PNG")
"""


@pytest.mark.slow
def test_the_notebook_runs_to_its_end_where_both_exported_files_are_measured(root: Path) -> None:
    notebook = runpy.run_path(str(root / "docs" / "site" / "run_notebook.py"))["run"](_UNDRAWN)
    last = next(cell for cell in reversed(notebook.cells) if cell.cell_type == "code")
    lines = "".join(output["text"] for output in last.outputs).splitlines()
    assert [line.split(":")[0] for line in lines] == ["model.int8.onnx", "model.onnx"]


def test_the_stored_notebook_is_small_and_has_its_outputs(root: Path) -> None:
    path = root / "docs" / "notebook.ipynb"
    assert path.stat().st_size < 300_000
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds == {"stream", "display_data"}
