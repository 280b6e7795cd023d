"""The notebook runs from top to bottom."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("nbclient")


@pytest.mark.slow
def test_the_notebook_runs_to_its_end_where_both_exported_files_are_measured(
    root: Path, part_of_bundle, tmp_path: Path
) -> None:
    # All cells as they are, on a tenth of the sample.
    part = part_of_bundle(tmp_path / "part.zip", 10)
    smaller = f"import pathlib; from fer_zoo.data import dataset; dataset.BUNDLED = pathlib.Path({str(part)!r})"
    notebook = runpy.run_path(str(root / "docs" / "site" / "run_notebook.py"))["run"](smaller)
    last = next(cell for cell in reversed(notebook.cells) if cell.cell_type == "code")
    lines = "".join(output["text"] for output in last.outputs).splitlines()
    assert [line.split(":")[0] for line in lines] == ["model.int8.onnx", "model.onnx"]


def test_the_stored_notebook_is_small_and_has_its_outputs(root: Path) -> None:
    path = root / "docs" / "notebook.ipynb"
    assert path.stat().st_size < 300_000
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds == {"stream", "display_data"}
