"""The results table on the README's first screen, from the reports: `python -m benchmarks.readme`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from fer_zoo.console import out, run
from fer_zoo.errors import FerZooError
from fer_zoo.files import write_text
from fer_zoo.zoo import artifacts_dir

from .models import FERPLUS_MARK, FERPLUS_NOTE, model_rows
from .published import PUBLISHED
from .tables import markdown_table, milliseconds, of_fer2013, percent, points, size

Row = dict[str, Any]

README = Path("README.md")
_COLUMNS = ["model", "weights", "accuracy", "PrivateTest", "p50, fp32", "int8, Δ points", "int8 size", "p50, int8"]
_BLOCK = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.DOTALL)


def main(arguments: list[str]) -> int | None:
    if arguments:
        raise FerZooError("`python -m benchmarks.readme` takes no options; run it in the checkout")
    write_text(README, updated(README.read_text(), artifacts_dir()))
    out.print(f"{README} has the tables of {artifacts_dir() / 'reports'}")
    return 0


def updated(readme: str, artifacts: Path) -> str:
    """`readme` with the lines between its `results` marks made anew.

    Args:
        readme: Its text.
        artifacts: Folder with `reports/report.json` and, where peers were measured, `reports/peers.json`.

    Raises:
        FerZooError: The marks or the report are missing.
    """
    if not _BLOCK.search(readme):
        raise FerZooError(f"{README} has no lines `<!-- results -->` and `<!-- /results -->` around its table")
    report = _read(artifacts / "reports" / "report.json")
    if report is None:
        raise FerZooError(f"{artifacts / 'reports'} has no report.json; run `python -m benchmarks` first")
    peers = _read(artifacts / "reports" / "peers.json") or {"rows": []}
    rows = [*_ours(report), *_peers(peers["rows"]), *_published()]
    machine = report["runs"]["latency"]["machine"]["cpu"]
    if peers["rows"] and (other := peers["machine"]["cpu"]) != machine:
        machine += f" (peers: {other})"
    if any("timed_sha256" in artifact for artifact in report["artifacts"]):
        machine += " (some of earlier files of the same networks)"
    note = (
        "Accuracy on the 7,178 test images, and on PrivateTest, its half that chose nothing; one crop, no test-time "
        f"augmentation. p50 in ONNX Runtime, one face, one thread, on {machine}: only ratios carry over, "
        "and those to peers only from their own run, where ours stand beside them. ¹ its checkpoint was chosen on "
        "these test images. ² trained on data nobody has published. ³ as published. "
        + (f"{FERPLUS_NOTE} " if any(cells[0].endswith(FERPLUS_MARK) for _, cells in rows) else "")
        + "More: [every format, percentiles, parity](artifacts/reports/report.md)"
        + (", [peers](artifacts/reports/peers.md)." if peers["rows"] else ".")
    )
    table = markdown_table(_COLUMNS, [cells for _, cells in sorted(rows, key=lambda row: row[0], reverse=True)])
    return _BLOCK.sub(lambda _: f"\n{table}\n\n{note}\n", readme)


def _read(path: Path) -> Row | None:
    return json.loads(path.read_text()) if path.exists() else None


def _ours(report: Row) -> list[tuple[float, list[str]]]:
    """A row for each model: ONNX in float32, and what its int8 twin changes."""
    return [
        (
            row["accuracy"] if of_fer2013(row) else row["private_test"] - 1,
            [
                f"**{row['model']}**" + ("" if of_fer2013(row) else FERPLUS_MARK),
                f"{row['params']:,}",
                percent(row["accuracy"]),
                percent(row["private_test"]),
                milliseconds(row["fp32"]["p50_ms"]),
                points(row["int8"]["points"]),
                size(row["int8"]["bytes"]),
                milliseconds(row["int8"]["p50_ms"]),
            ],
        )
        for row in model_rows(report)
    ]


def _peers(rows: list[Row]) -> list[tuple[float, list[str]]]:
    """A row for each peer, in float32 in ONNX Runtime."""
    marks = {"no": "", "chosen": " ¹", "unknown": " ²"}
    result = []
    for row in rows:
        if row["family"] == "peer" and row["runtime"] == "onnxruntime":
            accuracy = row["evaluation"]["accuracy"]
            p50 = milliseconds(row["latency"][0]["p50_ms"])
            name = row["model"] + marks[row["seen"]]
            result.append((accuracy, [name, f"{row['params']:,}", percent(accuracy), "", p50, "", "", ""]))
    return result


def _published() -> list[tuple[float, list[str]]]:
    result = []
    for model in PUBLISHED:
        private_test = model.private_test or model.ferplus
        accuracies = [f"{100 * x:.2f} %" if x else "" for x in (model.accuracy, private_test)]
        name = f"[{model.name}]({model.source})" if model.source else model.name
        cells = [f"{name} ³{FERPLUS_MARK if model.ferplus else ''}", model.weights]
        place = model.ferplus - 1 if model.ferplus else model.accuracy or private_test or 0.0
        result.append((place, [*cells, *accuracies, "", "", "", ""]))
    return result


if __name__ == "__main__":
    sys.exit(run(main))
