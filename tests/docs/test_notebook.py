"""The notebook runs from top to bottom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")


@pytest.mark.slow
def test_the_notebook_runs_and_its_export_keeps_the_accuracy(root: Path) -> None:
    notebook = nbformat.read(root / "docs" / "notebook.ipynb", 4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": root / "docs"}}).execute()
    last = next(cell for cell in reversed(notebook.cells) if cell.cell_type == "code")
    lines = "".join(output.get("text", "") for output in last.outputs).splitlines()
    assert [line.split(":")[0] for line in lines] == ["model.int8.onnx", "model.onnx"]


def test_the_stored_notebook_is_small_and_without_errors(root: Path) -> None:
    path = root / "docs" / "notebook.ipynb"
    assert path.stat().st_size < 300_000
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds <= {"stream", "display_data", "execute_result"}
