"""The tables on the README's first screen, from the reports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_zoo.errors import FerZooError
from fer_zoo.zoo import load_manifest

from ..accuracy.rows import SeedsReport, SeedsRow, TtaReport, TtaRow
from ..cells import milliseconds, percent, size
from ..peers.rows import PeerRow, PeersReport
from ..table import Columns, markdown_table, read_record
from .merge import read_report
from .model_table import ModelRow, model_rows
from .published import LEFT_OUT, PUBLISHED, Published
from .rows import Report

# Columns of words, which are set to the left.
_WORDS = ("images", "views", "trainings", "checked")
_CHOSEN = {"no": "one", "chosen": "one, its epoch chosen on these images", "unknown": "one, on data not published"}


@dataclass(frozen=True)
class ReadmeRow:
    """A model of the zoo.

    Attributes:
        model: Its files and their times.
        public_test: Accuracy of the float32 file, 0 to 1; `None` where not measured, as all below.
        mirror: With test-time augmentation by the mirror image, perhaps of the int8 file.
        ten_crop: With test-time augmentation by ten crops, likewise.
        seeds: Accuracy on PrivateTest over several trainings.
    """

    model: ModelRow
    public_test: float | None
    mirror: TtaRow | None
    ten_crop: TtaRow | None
    seeds: SeedsRow | None

    @property
    def private_test(self) -> float | None:
        return self.model.evaluation.private_test if self.model.evaluation else None


def updated(readme: str, artifacts: Path) -> str:
    """`readme` with the lines between its `results` and `published` marks made anew.

    Args:
        readme: Its text.
        artifacts: Folder with `reports/parity.json` and `latency.json` and, where measured, `peers.json`, `tta.json`
            and `seeds.json` beside them.

    Raises:
        FerZooError: The marks or the measurements are missing.
    """
    reports = artifacts / "reports"
    report = read_report(reports)
    peers = read_record(reports / "peers.json", PeersReport)
    readme = _replaced(readme, "results", _ours(own_rows(report, artifacts), report))
    return _replaced(readme, "published", _others(other_rows(peers.rows if peers else ()), peers, report))


def own_rows(report: Report, artifacts: Path) -> list[ReadmeRow]:
    """A row for each model of the zoo, the most accurate on PrivateTest first."""
    measured = read_record(artifacts / "reports" / "tta.json", TtaReport)
    tta = {(row.model, row.tta): row for row in (measured.rows if measured else ())}
    spreads = read_record(artifacts / "reports" / "seeds.json", SeedsReport)
    seeds = {row.model: row for row in (spreads.rows if spreads else ()) if row.split == "private_test"}
    public = {
        artifact.model: artifact.metrics["public_test"]["accuracy"]
        for artifact in load_manifest(artifacts, absent=True)
        if (artifact.format, artifact.precision) == ("onnx", "fp32") and "public_test" in artifact.metrics
    }
    rows = [
        ReadmeRow(
            model=row,
            public_test=public.get(row.file.model),
            mirror=tta.get((row.file.model, "mirror")),
            ten_crop=tta.get((row.file.model, "ten-crop")),
            seeds=seeds.get(row.file.model),
        )
        for row in model_rows(report)
    ]
    return sorted(rows, key=lambda row: row.private_test or 0, reverse=True)


def other_rows(peers: Sequence[PeerRow]) -> list[Published]:
    """Models of others, as published and as measured here, most accurate first."""
    measured = [
        Published(
            name=row.model,
            weights=f"{row.params:,}",
            accuracy=row.evaluation.accuracy,
            split="all",
            views="one",
            runs=_CHOSEN[row.seen],
            p50_ms=row.p50_ms,
        )
        for row in peers
        if row.family == "peer" and row.runtime == "onnxruntime"
    ]
    return sorted([*PUBLISHED, *measured], key=lambda row: row.accuracy, reverse=True)


def _ours(rows: list[ReadmeRow], report: Report) -> str:
    columns: Columns[ReadmeRow] = [
        ("model", lambda row: f"**{row.model.file.model}**"),
        ("weights", lambda row: f"{row.model.file.params:,}"),
        ("PublicTest", lambda row: percent(row.public_test)),
        ("PrivateTest", lambda row: percent(row.private_test)),
        ("both", lambda row: percent(row.model.accuracy or None)),
        ("PrivateTest, mirror", lambda row: _augmented(row.mirror)),
        ("PrivateTest, ten crops", lambda row: _augmented(row.ten_crop)),
        ("PrivateTest, seeds", lambda row: row.seeds.text if row.seeds else "-"),
        ("p50, fp32", lambda row: milliseconds(row.model.fp32_ms)),
        ("p50, int8", lambda row: milliseconds(row.model.int8_ms)),
        ("int8 size", lambda row: size(row.model.int8_bytes)),
    ]
    columns_without_seeds = [column for column in columns if column[0] != "PrivateTest, seeds"]
    machine = report.latency.machine.cpu if report.latency else "a machine that was not measured yet"
    if any(row.timed_sha256 for row in report.artifacts):
        machine += " (some of earlier files of the same networks)"
    note = (
        "Accuracy of the float32 ONNX file, one view of each image unless the column says otherwise: what was chosen "
        "was chosen on PublicTest (3,589 images), PrivateTest (3,589) chose nothing. "
        "[Test-time augmentation](artifacts/reports/tta.md) averages two or ten views; `int8` marks figures of "
        "the int8 file, where the float32 file is too large for git. p50 is the median of one face on one thread of "
        f"{machine}, in ONNX Runtime; only ratios carry over. "
        "More: [every format, percentiles, parity](artifacts/reports/report.md)."
    )
    seven = [row for row in rows if row.model.file.is_fer2013]
    seeded = any(row.seeds for row in seven)
    if seeded:
        note += (
            " `seeds` is mean and standard deviation of the model's recipe trained several times "
            "([each training](artifacts/reports/seeds.md)); the shipped fernet_tiny averages the weights of four."
        )
    parts = [markdown_table(columns if seeded else columns_without_seeds, seven), note]
    if eight := [row for row in rows if not row.model.file.is_fer2013]:
        parts += [
            "Models of FER+'s eight expressions, on the test images whose annotators agree (3,199 of PublicTest, 3,153 "
            "of PrivateTest); cleaner labels, so not to be compared with the table above:",
            markdown_table(columns_without_seeds, eight),
        ]
    return "\n\n".join(parts)


def _augmented(row: TtaRow | None) -> str:
    """Accuracy on PrivateTest, with the precision of the file where that is not float32."""
    if row is None:
        return "-"
    return percent(row.private_test) + ("" if row.precision == "fp32" else f" ({row.precision})")


def _others(rows: list[Published], peers: PeersReport | None, report: Report) -> str:
    columns: Columns[Published] = [
        ("model", lambda row: f"[{row.name}]({row.source})" if row.source else row.name),
        ("weights", lambda row: row.weights),
        ("accuracy", lambda row: percent(row.accuracy)),
        ("images", lambda row: row.split),
        ("views", lambda row: row.views),
        ("trainings", lambda row: row.runs),
        ("checked", _evidence),
    ]
    timed: Columns[Published] = [*columns, ("p50, fp32", lambda row: milliseconds(row.p50_ms))]
    link = ""
    if peers:
        same = report.latency and report.latency.machine.cpu == peers.machine.cpu
        machine = "" if same else f" on {peers.machine.cpu}"
        link = f" Timed{machine} in one run with ours: [peers](artifacts/reports/peers.md)."
    note = (
        "All test images are 7,178, PublicTest and PrivateTest 3,589 each; images that chose a model flatter it. "
        "Checked: in the authors' own code, `here` by our run of their file, or as stated only." + link
    )
    return "\n\n".join(
        [
            markdown_table(timed, [row for row in rows if not row.ferplus], left=_WORDS),
            f"{note}\n\n{LEFT_OUT}",
            "On FER+'s eight expressions:",
            markdown_table(columns, [row for row in rows if row.ferplus], left=_WORDS),
        ]
    )


def _evidence(row: Published) -> str:
    """The source of a figure's protocol."""
    if row.p50_ms is not None:
        return "here"
    return f"[their code]({row.evidence})" if row.evidence else "as stated"


def _replaced(text: str, mark: str, content: str) -> str:
    block = re.compile(rf"(?<=<!-- {mark} -->\n).*?(?=<!-- /{mark} -->)", re.DOTALL)
    if not block.search(text):
        raise FerZooError(f"the README has no lines `<!-- {mark} -->` and `<!-- /{mark} -->` around its table")
    return block.sub(lambda _: f"\n{content}\n\n", text)
