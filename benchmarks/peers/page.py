"""`peers.csv`, `peers.md` and `peers.png`, made from the report alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_zoo.text import plural

from ..cells import milliseconds, number, percent, percent_interval, points, setting, size
from ..outputs import write_outputs
from ..table import Columns, markdown_table
from .plot import plot_peers
from .rows import PackageRow, PeerComparison, PeerRow, PeersReport, PeerTimes
from .verdict import compare

_SEEN = {"no": "", "chosen": " ¹", "unknown": " ²"}

_NONE = "none of ours"
_COMPARISON_COLUMNS: Columns[PeerComparison] = [
    ("peer", lambda row: row.peer),
    ("accuracy", lambda row: percent(row.accuracy)),
    ("p50", lambda row: milliseconds(row.p50_ms)),
    (
        "fastest of ours at its accuracy or better",
        lambda row: (
            f"{row.fastest.name}: {percent(row.fastest.share, 0)} of its time" if row.fastest else "none of ours"
        ),
    ),
    (
        "best of ours at its latency or less",
        lambda row: f"{row.best.name}: {points(row.best.points)} points" if row.best else _NONE,
    ),
]

_PACKAGE_COLUMNS: Columns[PackageRow] = [
    ("package", lambda row: f"{row.package} {row.version}" if row.version else row.package),
    ("call, one face", lambda row: f"`{row.call}`" if row.call else f"skipped: {row.skipped}"),
    ("p50", lambda row: milliseconds(getattr(row.latency, "p50_ms", None))),
    ("p90", lambda row: milliseconds(getattr(row.latency, "p90_ms", None))),
    ("p99", lambda row: milliseconds(getattr(row.latency, "p99_ms", None))),
    ("cold start", lambda row: milliseconds(row.cold_start_ms)),
    ("memory", lambda row: size(row.peak_memory_bytes)),
]

_LATENCY_COLUMNS: Columns[tuple[PeerRow, PeerTimes]] = [
    ("", lambda pair: pair[0].name),
    ("batch", lambda pair: str(pair[1].batch)),
    ("threads", lambda pair: str(pair[1].threads)),
    ("p50", lambda pair: milliseconds(pair[1].p50_ms)),
    ("p90", lambda pair: milliseconds(pair[1].p90_ms)),
    ("p99", lambda pair: milliseconds(pair[1].p99_ms)),
    ("images/s", lambda pair: number(pair[1].images_per_second)),
    ("n", lambda pair: f"{pair[1].n:,}"),
]

_ORIGIN_COLUMNS: Columns[PeerRow] = [
    ("peer", lambda row: row.model),
    ("input", lambda row: f"{row.size}x{row.size}x{row.channels}"),
    ("origin", lambda row: row.origin),
    ("license", lambda row: row.license),
    ("training images", lambda row: row.training),
]


@dataclass(frozen=True)
class _Line:
    """A line of the CSV: one file in one setting."""

    times: PeerTimes
    row: PeerRow


def write_peers(folder: Path, report: PeersReport) -> None:
    """Write the table, the page and the plot beside `peers.json`."""
    lines = [_Line(times, row) for row in report.rows for times in row.latency]
    write_outputs(folder, "peers", to_markdown(report), plot_peers(report), rows=lines, dpi=150)


def to_markdown(report: PeersReport) -> str:
    """The page."""
    machine, settings = report.machine, report.settings
    first = setting(report.rows[0].latency[0].batch, report.rows[0].latency[0].threads)
    timed = [(row, times) for row in report.rows for times in row.latency]
    peers = list({row.model: row for row in report.rows if row.family == "peer"}.values())
    sections = [
        "# Peers, side by side in one run",
        f"{machine.cpu}, {plural(machine.cores, 'core')}, commit {machine.commit or '-'}, {report.finished[:10]}; more "
        "in [Provenance](#provenance).",
        "## Summary",
        markdown_table(
            _summary_columns(first), sorted(report.rows, key=lambda row: row.evaluation.accuracy, reverse=True)
        ),
        "¹ trained on FER2013's train images, but the checkpoint was chosen by its score on these test images, which "
        "flatters it. ² nobody has published what it was trained on: these test images may be among it.",
        "![Accuracy against latency](peers.png)",
        f"## Beside each peer, {first}",
        markdown_table(_COMPARISON_COLUMNS, compare(report.rows)),
        "## As their users call them",
        markdown_table(_PACKAGE_COLUMNS, report.packages),
        "## Latency",
        markdown_table(_LATENCY_COLUMNS, timed),
        "## How they were loaded",
        "Keras 1 files (HDF5) are rebuilt from the configuration and weights they store and written as ONNX; "
        "TensorFlow.js weights come through a small reader of their manifest, which dequantizes them as TensorFlow.js "
        "does; human's graph model is converted operation by operation, face-api's network, which exists as source "
        "code only, is written down anew; no TensorFlow.js runs here. TensorFlow Lite files run as published in "
        "LiteRT, and as float32 in ONNX Runtime. Faces are resized bilinearly to the peer's own input before the clock "
        "starts, while ours start from 48x48 gray: resizing costs a peer nothing in these tables.",
        markdown_table(_ORIGIN_COLUMNS, peers),
        f"Every row had {settings.warmup_seconds} s of warm-up, then {settings.queries:,} queries or "
        f"{settings.seconds:g} s in {settings.rounds} rounds, in each of which all take turns in a new order. "
        "p50, p90, p99 are nearest-rank percentiles; cold start is from before a fresh Python process exists to its "
        "first prediction, and memory the largest resident memory of that process.",
        *(["## Left out", "\n".join(f"- {sentence}" for sentence in report.left_out)] if report.left_out else []),
        "## Provenance",
        "\n".join(f"- {line}" for line in _provenance(report)),
    ]
    return "\n\n".join(sections) + "\n"


def _summary_columns(first: str) -> Columns[PeerRow]:
    return [
        ("", lambda row: (f"**{row.name}**" if row.family == "ours" else row.name) + _SEEN[row.seen]),
        ("runtime", lambda row: row.runtime),
        ("accuracy", lambda row: percent(row.evaluation.accuracy)),
        ("95 % interval", lambda row: percent_interval(row.evaluation.accuracy_interval)),
        ("macro-F1", lambda row: percent(row.evaluation.macro_f1)),
        ("without copies", lambda row: percent(row.evaluation.accuracy_without_train_copies)),
        ("size", lambda row: size(row.bytes)),
        ("parameters", lambda row: f"{row.params:,}"),
        ("MMAC", lambda row: number(row.macs / 1e6)),
        (f"p50, {first}", lambda row: milliseconds(row.p50_ms)),
        ("cold start", lambda row: milliseconds(row.cold_start.cold_start_ms)),
        ("memory", lambda row: size(row.cold_start.peak_memory_bytes)),
    ]


def _provenance(report: PeersReport) -> Sequence[str]:
    machine = report.machine
    lines = [
        f"Measured {report.finished} on {machine.os}; accuracy on the {report.data.n:,} test images of "
        f"{report.data.source}. Milliseconds belong to that machine and moment, and what carries over are ratios."
    ]
    if earlier := [row.name for row in report.rows if row.timed_sha256]:
        lines.append(
            f"Times are of earlier files of the same networks, for: {', '.join(earlier)}. Accuracy and size are those "
            "of the present files, from [the parity report](report.md)."
        )
    if machine.busy:
        load = machine.load_average[0]
        lines.append(f"**A busy machine**: {load:.1f} processes were waiting or running when the times were taken.")
    return lines
