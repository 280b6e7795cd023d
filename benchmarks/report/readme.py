"""The tables on the README's first screen, from the reports: `python -m benchmarks.report.readme`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fer_zoo.console import out, run
from fer_zoo.errors import FerZooError
from fer_zoo.files import write_text
from fer_zoo.zoo import artifacts_dir, load_manifest

from ..accuracy.seeds import Spread, read_spreads
from ..accuracy.tta import TtaRow, read_rows
from .models import model_rows
from .published import LEFT_OUT, PUBLISHED, Published
from .tables import markdown_table, milliseconds, of_fer2013, percent, size

Row = dict[str, Any]
_AnyRow = TypeVar("_AnyRow")

README = Path("README.md")
# Columns of words, which are set to the left.
_WORDS = ("images", "views", "trainings", "checked")
_HERE = "here"
_CHOSEN = {"no": "one", "chosen": "one, its epoch chosen on these images", "unknown": "one, on data not published"}


@dataclass(frozen=True)
class OwnRow:
    """A model of the zoo: its exact ONNX file, and what its int8 twin costs.

    Attributes:
        model: Name.
        ferplus: Whether it tells FER+'s eight expressions.
        weights: Number of weights.
        public_test: Accuracy, 0 to 1; `None` where not measured, as all below.
        private_test: Accuracy.
        accuracy: On both halves of the test images.
        mirror: Accuracy on PrivateTest with test-time augmentation by the mirror image.
        ten_crop: Accuracy on PrivateTest with test-time augmentation by ten crops.
        seeds: Accuracy on PrivateTest over several trainings.
        fp32_ms: p50 of one face on one thread.
        int8_ms: That of the int8 file.
        int8_bytes: Size of the int8 file.
    """

    model: str
    ferplus: bool
    weights: int
    public_test: float | None
    private_test: float | None
    accuracy: float | None
    mirror: float | None
    ten_crop: float | None
    seeds: Spread | None
    fp32_ms: float | None
    int8_ms: float | None
    int8_bytes: int | None


@dataclass(frozen=True)
class OtherRow:
    """A model of others, with the protocol of its accuracy.

    Attributes:
        name: With a link to it, where there is one.
        weights: As text.
        accuracy: 0 to 1.
        split: The images it was measured on.
        views: Crops or augmented views of each image.
        runs: Best or mean, and of how many trainings.
        evidence: Where the protocol was checked, with a link.
        p50_ms: Of one face in ONNX Runtime, `None` where not timed here.
    """

    name: str
    weights: str
    accuracy: float
    split: str
    views: str
    runs: str
    evidence: str
    p50_ms: float | None = None


def main(arguments: list[str]) -> int | None:
    if arguments:
        raise FerZooError("`python -m benchmarks.report.readme` takes no options; run it in the checkout")
    write_text(README, updated(README.read_text(), artifacts_dir()))
    out.print(f"{README} has the tables of {artifacts_dir() / 'reports'}")
    return 0


def updated(readme: str, artifacts: Path) -> str:
    """`readme` with the lines between its `results` and `published` marks made anew.

    Args:
        readme: Its text.
        artifacts: Folder with `reports/report.json` and, where measured, `peers.json`, `tta.json` and `seeds.json`
            beside it.

    Raises:
        FerZooError: The marks or the report are missing.
    """
    reports = artifacts / "reports"
    report = _read(reports / "report.json")
    if report is None:
        raise FerZooError(f"{reports} has no report.json; run `python -m benchmarks` first")
    peers = _read(reports / "peers.json") or {"rows": []}
    readme = _replaced(readme, "results", _ours(own_rows(report, artifacts), report))
    return _replaced(readme, "published", _others(other_rows(peers["rows"]), peers, report))


def own_rows(report: Row, artifacts: Path) -> list[OwnRow]:
    """A row for each model of the zoo, the most accurate on PrivateTest first."""
    tta = {(row.model, row.tta): row for row in read_rows(artifacts / "reports")}
    seeds = {row.model: row for row in read_spreads(artifacts / "reports") if row.split == "private_test"}
    public = {
        artifact.model: artifact.metrics["public_test"]["accuracy"]
        for artifact in load_manifest(artifacts, absent=True)
        if (artifact.format, artifact.precision) == ("onnx", "fp32") and "public_test" in artifact.metrics
    }

    def augmented(model: str, kind: str) -> float | None:
        row: TtaRow | None = tta.get((model, kind))
        return row.private_test if row else None

    rows = [
        OwnRow(
            model=row["model"],
            ferplus=not of_fer2013(row),
            weights=row["params"],
            public_test=public.get(row["model"]),
            private_test=row["private_test"],
            accuracy=row["accuracy"],
            mirror=augmented(row["model"], "mirror"),
            ten_crop=augmented(row["model"], "ten-crop"),
            seeds=seeds.get(row["model"]),
            fp32_ms=row["fp32"]["p50_ms"],
            int8_ms=row["int8"]["p50_ms"],
            int8_bytes=row["int8"]["bytes"],
        )
        for row in model_rows(report)
    ]
    return sorted(rows, key=lambda row: row.private_test or 0, reverse=True)


def other_rows(peers: list[Row]) -> dict[bool, list[OtherRow]]:
    """Models of others, most accurate first: those of FER2013's seven expressions, and (`True`) of FER+'s eight."""
    measured = [
        OtherRow(
            name=row["model"],
            weights=f"{row['params']:,}",
            accuracy=row["evaluation"]["accuracy"],
            split="all",
            views="one",
            runs=_CHOSEN[row["seen"]],
            evidence=_HERE,
            p50_ms=row["latency"][0]["p50_ms"],
        )
        for row in peers
        if row["family"] == "peer" and row["runtime"] == "onnxruntime"
    ]
    stated = {ferplus: [_stated(row) for row in PUBLISHED if row.ferplus == ferplus] for ferplus in (False, True)}
    return {
        ferplus: sorted(rows + (measured if not ferplus else []), key=lambda row: row.accuracy, reverse=True)
        for ferplus, rows in stated.items()
    }


def _stated(row: Published) -> OtherRow:
    return OtherRow(
        name=f"[{row.name}]({row.source})" if row.source else row.name,
        weights=row.weights,
        accuracy=row.accuracy,
        split=row.split,
        views=row.views,
        runs=row.runs,
        evidence=f"[their code]({row.evidence})" if row.evidence else "as stated",
    )


def _ours(rows: list[OwnRow], report: Row) -> str:
    columns: dict[str, Callable[[OwnRow], str]] = {
        "model": lambda row: f"**{row.model}**",
        "weights": lambda row: f"{row.weights:,}",
        "PublicTest": lambda row: percent(row.public_test),
        "PrivateTest": lambda row: percent(row.private_test),
        "both": lambda row: percent(row.accuracy),
        "PrivateTest, mirror": lambda row: percent(row.mirror),
        "PrivateTest, ten crops": lambda row: percent(row.ten_crop),
        "PrivateTest, seeds": lambda row: row.seeds.text if row.seeds else "-",
        "p50, fp32": lambda row: milliseconds(row.fp32_ms),
        "p50, int8": lambda row: milliseconds(row.int8_ms),
        "int8 size": lambda row: size(row.int8_bytes),
    }
    if not any(row.seeds for row in rows):
        del columns["PrivateTest, seeds"]
    machine = report["runs"]["latency"]["machine"]["cpu"]
    if any("timed_sha256" in artifact for artifact in report["artifacts"]):
        machine += " (some of earlier files of the same networks)"
    note = (
        "Accuracy of the float32 ONNX file, one view of each image unless the column says otherwise: what was chosen "
        "was chosen on PublicTest (3,589 images), PrivateTest (3,589) chose nothing. "
        "[Test-time augmentation](artifacts/reports/tta.md) averages two or ten views; models whose float32 file is "
        "too large for git have it measured in int8. p50 is the median of one face on one thread of "
        f"{machine}, in ONNX Runtime; only ratios carry over. "
        "More: [every format, percentiles, parity](artifacts/reports/report.md)."
    )
    parts = [_table(columns, [row for row in rows if not row.ferplus]), note]
    if eight := [row for row in rows if row.ferplus]:
        parts += [
            "Models of FER+'s eight expressions, on the test images whose annotators agree (3,199 of PublicTest, 3,153 "
            "of PrivateTest); cleaner labels, so not to be compared with the table above:",
            _table(columns, eight),
        ]
    return "\n\n".join(parts)


def _others(rows: dict[bool, list[OtherRow]], peers: Row, report: Row) -> str:
    columns: dict[str, Callable[[OtherRow], str]] = {
        "model": lambda row: row.name,
        "weights": lambda row: row.weights,
        "accuracy": lambda row: percent(row.accuracy),
        "images": lambda row: row.split,
        "views": lambda row: row.views,
        "trainings": lambda row: row.runs,
        "checked": lambda row: row.evidence,
        "p50, fp32": lambda row: milliseconds(row.p50_ms),
    }
    link = ""
    if peers["rows"]:
        here, there = (run["machine"]["cpu"] for run in (report["runs"]["latency"], peers))
        machine = f" on {there}" if there != here else ""
        link = f" Timed{machine} in one run with ours: [peers](artifacts/reports/peers.md)."
    note = (
        "All test images are 7,178, PublicTest and PrivateTest 3,589 each; images that chose a model flatter it. "
        "Checked: in the authors' own code, `here` by our run of their file, or as stated only." + link
    )
    return "\n\n".join(
        [
            _table(columns, rows[False]),
            f"{note}\n\n{LEFT_OUT}",
            "On FER+'s eight expressions:",
            _table({name: cell for name, cell in columns.items() if name != "p50, fp32"}, rows[True]),
        ]
    )


def _table(columns: dict[str, Callable[[_AnyRow], str]], rows: list[_AnyRow]) -> str:
    cells = [[cell(row) for cell in columns.values()] for row in rows]
    return markdown_table(list(columns), cells, left=_WORDS)


def _replaced(text: str, mark: str, content: str) -> str:
    block = re.compile(rf"(?<=<!-- {mark} -->\n).*?(?=<!-- /{mark} -->)", re.DOTALL)
    if not block.search(text):
        raise FerZooError(f"{README} has no lines `<!-- {mark} -->` and `<!-- /{mark} -->` around its table")
    return block.sub(lambda _: f"\n{content}\n\n", text)


def _read(path: Path) -> Row | None:
    return json.loads(path.read_text()) if path.exists() else None


if __name__ == "__main__":
    sys.exit(run(main))
