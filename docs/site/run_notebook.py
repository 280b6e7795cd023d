"""Run `docs/notebook.ipynb` from top to bottom and store it with its outputs: `python docs/site/run_notebook.py`."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebook.ipynb"


def run(preparation: str = "") -> nbformat.NotebookNode:
    """The notebook with its outputs, without what TensorFlow logs and without times, which differ in every run.

    Args:
        preparation: Code that runs before the first cell.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(preparation))
    client = NotebookClient(
        notebook, timeout=300, record_timing=False, resources={"metadata": {"path": NOTEBOOK.parent}}
    )
    client.execute()
    del notebook.cells[0]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata.pop("language_info", None)
    return notebook


if __name__ == "__main__":
    nbformat.write(run(), NOTEBOOK)
