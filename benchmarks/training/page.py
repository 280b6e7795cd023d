"""The page of the training benchmark, from its report alone."""

from __future__ import annotations

from collections.abc import Callable

from ..table import Columns, markdown_table
from .measure import ACCURACIES
from .rows import RunRow, SpeedRow, TrainingReport
from .step import VARIANTS

SPEED_COLUMNS: Columns[SpeedRow] = [
    ("network", lambda row: row.network),
    ("MMAC", lambda row: f"{row.macs / 1e6:.1f}"),
    ("backend", lambda row: row.backend),
    ("variant", lambda row: row.variant),
    ("images/s", lambda row: f"{row.images_per_second:,.0f}"),
    ("of stock", lambda row: f"{row.speedup:.2f}x"),
    ("GFLOP/s", lambda row: f"{row.gflops:,.0f}"),
    ("of peak", lambda row: f"{row.share_of_peak:.0%}"),
    ("step, p50", lambda row: f"{row.step_p50_ms:.0f} ms"),
    ("p10 to p90", lambda row: f"{row.step_p10_ms:.0f} to {row.step_p90_ms:.0f} ms"),
]


def _minutes_to(accuracy: str) -> Callable[[RunRow], str]:
    return lambda row: f"{row.minutes_to[accuracy]:.1f}" if accuracy in row.minutes_to else "-"


_RUN_COLUMNS: Columns[RunRow] = [
    ("run", lambda row: row.run),
    ("model", lambda row: row.model),
    ("backend", lambda row: row.backend),
    ("precision", lambda row: row.precision),
    ("epochs", lambda row: str(row.epochs)),
    ("minutes", lambda row: f"{row.minutes:.0f}"),
    ("best", lambda row: f"{row.best:.2%}"),
    *((name, _minutes_to(name)) for name in (f"{accuracy:.1%}" for accuracy in ACCURACIES)),
]


def to_markdown(report: TrainingReport) -> str:
    """The page."""
    machine = report.machine
    sections = [
        "# Training speed",
        f"Images a second in steps of {report.batch} by `model.fit`, on {machine.cpu}, {machine.cores} cores.\n"
        "Stock is the published model as Keras compiles it; ours is what `fer_zoo.train` runs. The best of the rounds.",
        "![images a second](training.png)",
        *_limits(report),
        markdown_table(SPEED_COLUMNS, report.speeds, left=["backend", "variant"]),
    ]
    if report.runs:
        sections += [
            "## Time to accuracy",
            "Minutes of training until PublicTest first reached each accuracy, each run on its own machine and cores.",
            markdown_table(_RUN_COLUMNS, report.runs, left=["model", "backend", "precision"]),
        ]
    return "\n\n".join(sections) + "\n"


def _limits(report: TrainingReport) -> list[str]:
    """The upper limit of this machine, and how many times the speed of stock Keras it is."""
    peaks = report.peak_gflops
    if "bfloat16" in peaks:
        fastest, bfloat16 = "bfloat16", f", {peaks['bfloat16']:,.0f} in bfloat16"
    else:
        fastest, bfloat16 = "float32", "; this CPU has no bfloat16 instructions (AVX512-BF16 or AMX)"
    text = (
        f"Peak is the fastest product of two 2,048² matrices: {peaks['float32']:,.0f} GFLOP/s in float32{bfloat16}. "
        "A step takes six operations for each multiply-accumulate of the network, where convolutions are plain sums; "
        f"at the peak in {fastest}, with nothing else to do, training would be so many times stock's speed. Ours "
        "computes 3x3 convolutions of many channels in float32 by Winograd's tiles, of a quarter to a third of the "
        "products:"
    )
    stock = (row for row in report.speeds if row.variant == VARIANTS[0])
    return [text, "\n".join(f"- {row.network} on {row.backend}: {peaks[fastest] / row.gflops:.1f}x" for row in stock)]
