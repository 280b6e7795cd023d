"""The report as a page to read: the numbers first, where they come from last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fer_zoo.evaluation.parity import Gate
from fer_zoo.text import plural

from ..cells import milliseconds, number, percent, percent_interval, points, points_interval, ratio, setting, size
from ..latency.rows import LatencyReport, LatencyRow
from ..parity.rows import ParityReport, RuntimeRow
from ..table import Columns, markdown_table
from .model_table import FERPLUS_NOTE
from .rows import ArtifactRow, Report

_PLOTS = {
    "accuracy_latency.png": "Accuracy against latency",
    "parity.png": "Parity with the Keras original",
    "latency.png": "Latency percentiles",
    "sizes.png": "File sizes",
}

_STATUS = {
    "passed": "passed",
    "measured": "measured",
    "reference": "original",
    "failed": "**FAILED**",
    "error": "**ERROR**",
}

_INT8_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8"}

_ARTIFACT: tuple[str, Callable[[ArtifactRow], str]] = ("artifact", lambda row: row.file.name)
_STATUS_COLUMN: tuple[str, Callable[[ArtifactRow], str]] = ("status", lambda row: _STATUS[row.status])


def to_markdown(report: Report, plots: list[str]) -> str:
    """The page.

    Args:
        report: What was measured.
        plots: File names of the plots that exist.
    """
    sections = [
        ["# Benchmark report", _origin(report)],
        ["## Summary", markdown_table(summary_columns(report), report.artifacts)],
        _problems(report),
        [f"![{title}]({name})" for name, title in _PLOTS.items() if name in plots],
        _accuracy(report),
        _parity(report),
        _goals(report),
        _other_runtimes(report),
        _recall(report),
        _latency(report),
        _cost(report),
        _cold_start(report),
        ["## How to read this", "\n".join(_explanation(report))],
        ["## Provenance", "\n".join(f"- {line}" for line in _provenance(report)), _machines(report)],
    ]
    return "\n\n".join("\n\n".join(section) for section in sections if section) + "\n"


def summary_columns(report: Report) -> Columns[ArtifactRow]:
    """The columns of the summary."""
    first, last = (report.settings[0], report.settings[-1]) if report.settings else ((1, 1), (1, 1))
    columns: list[tuple[str, Callable[[ArtifactRow], str]]] = [
        _ARTIFACT,
        ("accuracy", lambda row: percent(_of(row.evaluation, "accuracy"))),
        ("95 % interval", lambda row: percent_interval(_of(row.evaluation, "accuracy_interval"))),
        ("Δ points", lambda row: points(_of(row.parity, "accuracy_delta"))),
        ("agreement", lambda row: percent(_of(row.parity, "argmax_agreement"))),
        ("size", lambda row: size(row.file.bytes)),
    ]
    if report.settings:
        columns += [
            (f"p50, {setting(*first)}", lambda row: milliseconds(_of(row.at(first), "p50_ms"))),
            ("relative", lambda row: ratio(_of(row.at(first), "relative_p50"))),
            (f"images/s, {setting(*last)}", lambda row: number(_of(row.at(last), "images_per_second"))),
            ("cold start", lambda row: milliseconds(_of(row.cold_start, "cold_start_ms"))),
            ("memory", lambda row: size(_of(row.cold_start, "peak_memory_bytes"))),
        ]
    return [*columns, _STATUS_COLUMN]


def _of(part: object, name: str) -> Any:
    """A field of a part of a row, `None` where that part was not measured."""
    return getattr(part, name, None)


def _origin(report: Report) -> str:
    """Processor, commit and date of the run in one line."""
    run: ParityReport | LatencyReport | None = report.latency or report.parity
    assert run
    machine = run.machine
    commit = f", commit {machine.commit}" if machine.commit else ""
    date = (run.finished or run.started)[:10]
    return f"{machine.cpu}, {plural(machine.cores, 'core')}{commit}, {date}; more in [Provenance](#provenance)."


def _problems(report: Report) -> list[str]:
    items = [f"- {row.file.name}: {problem}" for row in report.artifacts for problem in row.problems]
    return ["## Failures", "\n".join(items)] if items else []


def _accuracy(report: Report) -> list[str]:
    rows = [row for row in report.artifacts if row.evaluation]
    columns: Columns[ArtifactRow] = [
        _ARTIFACT,
        ("n", lambda row: f"{_of(row.evaluation, 'n'):,}"),
        ("accuracy", lambda row: percent(_of(row.evaluation, "accuracy"))),
        ("95 % interval", lambda row: percent_interval(_of(row.evaluation, "accuracy_interval"))),
        ("macro-F1", lambda row: percent(_of(row.evaluation, "macro_f1"))),
        ("NLL", lambda row: number(_of(row.evaluation, "nll"))),
        ("ECE", lambda row: percent(_of(row.evaluation, "ece"))),
        ("without copies", lambda row: percent(_of(row.evaluation, "accuracy_without_train_copies"))),
        ("95 % interval", lambda row: percent_interval(_of(row.evaluation, "without_train_copies_interval"))),
        ("n", lambda row: f"{_of(row.evaluation, 'n_without_train_copies') or 0:,}"),
    ]
    return ["## Accuracy", markdown_table(columns, rows)] if rows else []


def _parity(report: Report) -> list[str]:
    rows = [row for row in report.artifacts if row.parity]
    columns: Columns[ArtifactRow] = [
        _ARTIFACT,
        ("Δ accuracy", lambda row: points(_of(row.parity, "accuracy_delta"))),
        ("95 % interval", lambda row: points_interval(_of(row.parity, "accuracy_delta_interval"))),
        ("lost / won", lambda row: f"{_of(row.parity, 'lost')} / {_of(row.parity, 'won')}"),
        ("McNemar p", lambda row: number(_of(row.parity, "mcnemar_p"))),
        ("Δ macro-F1", lambda row: points(_of(row.parity, "macro_f1_delta"))),
        ("95 % interval", lambda row: points_interval(_of(row.parity, "macro_f1_delta_interval"))),
        ("agreement", lambda row: percent(_of(row.parity, "argmax_agreement"))),
        ("max Δp", lambda row: number(_of(row.parity, "max_abs_diff"))),
        ("mean Δp", lambda row: number(_of(row.parity, "mean_abs_diff"))),
        ("KL", lambda row: number(_of(row.parity, "kl"))),
        ("Δ ECE", lambda row: points(_of(row.parity, "ece_delta"))),
        ("gate", lambda row: _gate(_of(row.parity_row, "gate"))),
        _STATUS_COLUMN,
    ]
    return ["## Parity with the Keras original", markdown_table(columns, rows)] if rows else []


# Why a file may miss a goal, by the measure that does.
_REASONS = {
    "size": "An int8 weight takes a quarter of its bytes; a bias of 32 bits and a scale for each channel come on top, "
    "and the first layers stay in float, which all weighs most in the smallest files.",
    "argmax_agreement": "Where predictions differ, two expressions were nearly as likely: see max Δp and mean Δp.",
}


def _goals(report: Report) -> list[str]:
    rows = [row.parity_row for row in report.artifacts if row.parity_row and row.parity_row.goals_missed is not None]
    items = [f"- {row.file.name}: {phrase}" for row in rows for phrase in row.goals_missed or ()]
    if not rows:
        return []
    if not items:
        return ["### Goals not reached", "None: every artifact reaches the zoo's goals."]
    reasons = [reason for measure, reason in _REASONS.items() if any(f": {measure} is" in item for item in items)]
    return ["### Goals not reached", "\n".join(items), *reasons]


def _other_runtimes(report: Report) -> list[str]:
    rows = [(artifact, row) for artifact in report.artifacts for row in artifact.other_runtimes]
    columns: Columns[tuple[ArtifactRow, RuntimeRow]] = [
        ("artifact", lambda pair: pair[0].file.name),
        ("run by", lambda pair: pair[1].runtime),
        ("Δ accuracy", lambda pair: points(_of(pair[1].parity, "accuracy_delta"))),
        ("agreement", lambda pair: percent(_of(pair[1].parity, "argmax_agreement"))),
        ("max Δp", lambda pair: number(_of(pair[1].parity, "max_abs_diff"))),
        ("mean Δp", lambda pair: number(_of(pair[1].parity, "mean_abs_diff"))),
        ("KL", lambda pair: number(_of(pair[1].parity, "kl"))),
        ("status", lambda pair: _STATUS[pair[1].status]),
        ("problem", lambda pair: "; ".join(pair[1].missed) or pair[1].error or ""),
    ]
    text = "The same files on other Keras backends and in other runtimes, beside the same predictions of the original."
    return ["## Other backends and runtimes", text, markdown_table(columns, rows)] if rows else []


def _recall(report: Report) -> list[str]:
    rows = [row for row in report.artifacts if row.evaluation]
    classes = list(dict.fromkeys(name for row in rows for name in _of(row.evaluation, "recall")))

    def cell(name: str) -> Callable[[ArtifactRow], str]:
        def text(row: ArtifactRow) -> str:
            change = row.parity.per_class_recall_delta if row.parity else {}
            recall = percent(_of(row.evaluation, "recall").get(name), 1)
            return f"{recall} ({points(change[name])})" if name in change else recall

        return text

    columns = [_ARTIFACT, *((name, cell(name)) for name in classes)]
    return ["## Recall per class, with its change in points", markdown_table(columns, rows)] if rows else []


def _latency(report: Report) -> list[str]:
    columns: Columns[tuple[str, LatencyRow]] = [
        ("artifact", lambda pair: pair[0]),
        ("runtime", lambda pair: pair[1].runtime),
        ("p50", lambda pair: milliseconds(pair[1].p50_ms)),
        ("p90", lambda pair: milliseconds(pair[1].p90_ms)),
        ("p99", lambda pair: milliseconds(pair[1].p99_ms)),
        ("mean", lambda pair: milliseconds(pair[1].mean_ms)),
        ("p50 by round", lambda pair: _rounds(pair[1])),
        ("relative", lambda pair: ratio(pair[1].relative_p50)),
        ("images/s", lambda pair: number(pair[1].images_per_second)),
        ("GMAC/s", lambda pair: number(pair[1].gmacs_per_second)),
        ("roofline", lambda pair: milliseconds(pair[1].roofline_ms)),
        ("times roofline", lambda pair: ratio(pair[1].times_roofline)),
        ("n", lambda pair: f"{pair[1].n:,}"),
    ]
    sections = []
    for each in report.settings:
        rows = [(artifact.file.name, row) for artifact in report.artifacts if (row := artifact.at(each))]
        sections += [f"### {setting(*each).capitalize()}", markdown_table(columns, rows)]
    return ["## Latency", *sections] if sections else []


def _cost(report: Report) -> list[str]:
    rows = [row for row in report.artifacts if row.cost]
    columns: Columns[ArtifactRow] = [
        _ARTIFACT,
        ("best setting", lambda row: setting(_of(row.cost, "batch"), _of(row.cost, "threads"))),
        ("images/s per core", lambda row: number(_of(row.cost, "images_per_second_per_core"))),
        ("USD per million faces", lambda row: f"{_of(row.cost, 'usd_per_million'):.4f}"),
    ]
    if not rows or not report.latency:
        return []
    note = f"A core costs {report.latency.price:g} US dollars an hour here (`--price`)."
    return ["## Throughput and cost", note, markdown_table(columns, rows)]


def _rounds(row: LatencyRow) -> str:
    return f"{number(min(row.p50_ms_by_round))} to {number(max(row.p50_ms_by_round))} ms"


def _cold_start(report: Report) -> list[str]:
    rows = [row for row in report.artifacts if row.cold_start]
    columns: Columns[ArtifactRow] = [
        _ARTIFACT,
        ("runtime", lambda row: _of(row.cold_start, "runtime")),
        ("cold start", lambda row: milliseconds(_of(row.cold_start, "cold_start_ms"))),
        ("Python", lambda row: milliseconds(_of(row.cold_start, "python_ms"))),
        ("imports", lambda row: milliseconds(_of(row.cold_start, "import_ms"))),
        ("load", lambda row: milliseconds(_of(row.cold_start, "load_ms"))),
        ("first prediction", lambda row: milliseconds(_of(row.cold_start, "answer_ms"))),
        ("peak memory", lambda row: size(_of(row.cold_start, "peak_memory_bytes"))),
        ("n", lambda row: str(_of(row.cold_start, "n"))),
    ]
    return ["## Cold start", markdown_table(columns, rows)] if rows else []


def _explanation(report: Report) -> Iterator[str]:
    if report.parity:
        yield (
            "- **accuracy, 95 % interval**: on all test images; Wilson interval. Exports of one model are measured on "
            "the same images, so that their differences are far more certain than these intervals suggest: that is "
            "what the paired interval and McNemar's exact p in the parity table are for. *lost / won* counts the "
            "images that only the original, or only the artifact, gets right."
        )
        if not all(row.file.is_fer2013 for row in report.artifacts):
            yield f"- **models called `…_ferplus`**: {FERPLUS_NOTE.removeprefix('⁴ ')}"
        yield (
            "- **without copies**: accuracy on the test images that have no exact copy among the model's training "
            "images. **NLL**: mean negative log-likelihood in nats. **ECE**: expected calibration error."
        )
        yield "- **Δ**: artifact minus its Keras original, in percentage points."
        yield (
            "- **agreement**: share of images for which both name the same expression. **max Δp, mean Δp**: largest "
            "and mean difference of a probability. **KL**: mean divergence from the original's distribution, in nats."
        )
        yield "- **gate**: what an artifact of that precision must hold; a missed gate makes the command fail."
    if not report.latency:
        return
    base, settings = report.base, report.latency.settings
    if base:
        yield (
            "- **relative**: the p50 over that of "
            f"{base.file.name} in the same setting. Milliseconds belong to one machine and moment; "
            "what carries over is a ratio of two times of one run."
        )
    yield (
        "- **p50, p90, p99**: nearest-rank percentiles of the bare runtime call on real faces, one query at a time, "
        "with the number of threads set explicitly. **p50 by round** is the smallest and largest median of the rounds: "
        "where two artifacts overlap there, they are equally fast."
    )
    yield (
        "- **images/s**: images / time of all queries. **GMAC/s**: multiply-accumulates of the architecture per second "
        "at the p50. **roofline**: the time they would take at the speed of NumPy's float32 matrix product on this "
        "machine with as many threads; **times roofline** is the p50 over it, 1 being all that float32 can give. int8 "
        "arithmetic, which is faster, or a runtime that needs fewer operations, may be below 1."
    )
    yield "- **images/s per core**: at the batch and threads where it is highest."
    yield (
        "- **cold start**: from before a fresh Python process exists to its first prediction (median), and its parts. "
        "**memory**: the largest resident memory of that process, Python and runtime included."
    )
    yield (
        f"- Every artifact in every setting had {settings.warmup_seconds} s of warm-up, then {settings.queries:,} "
        f"queries or {settings.seconds:g} s in {settings.rounds} rounds; in each round all of them take turns in a new "
        "order, so that a change of the machine's speed hits all alike."
    )


def _provenance(report: Report) -> Iterator[str]:
    """When and where each part was measured, and why its figures may mean less than usual."""
    for name, run in _runs(report).items():
        machine = run.machine
        commit = f", commit {machine.commit}" if machine.commit else ""
        images = f"; {run.data.n:,} test images of {run.data.source}" if isinstance(run, ParityReport) else ""
        missing = "" if run.finished else "; **interrupted, so that rows are missing**"
        yield f"{name.capitalize()}: {run.finished or run.started} on {machine.cpu}{commit}{images}{missing}."
        if machine.commit and machine.commit.endswith("-dirty"):
            yield f"**Changes not in git**: the {name} was measured with changes to commit {machine.commit[:-6]}."
    platforms: dict[str, dict[str, None]] = {}
    for row in report.parity.rows if report.parity else ():
        if row.machine:
            platforms.setdefault(row.machine.cpu, {})[row.file.model] = None
    for cpu, models in platforms.items():
        yield f"Parity of {', '.join(models)} is from an earlier run, on {cpu}."
    if earlier := [row.file.name for row in report.artifacts if row.timed_sha256]:
        yield f"Times are of earlier files of the same networks, for: {', '.join(earlier)}."
    if not report.latency:
        return
    settings, machine = report.latency.settings, report.latency.machine
    if settings.short:
        yield (
            f"**A short run** ({settings.queries:,} queries or {settings.seconds:g} s): it shows that everything "
            "works, its times are not for quoting."
        )
    if machine.architecture == "x86_64" and not _INT8_PRODUCTS.intersection(machine.flags):
        yield (
            "**No VNNI**: this processor takes three instructions for 32 products of bytes (VPMADDUBSW, VPMADDWD, "
            "VPADDD) where VNNI takes one, so that int8 saves size and memory here and little or no time."
        )
    if machine.busy:
        yield (
            f"**A busy machine**: {machine.load_average[0]:.1f} processes were waiting or running on "
            f"{plural(machine.cores, 'core')} when the times were taken."
        )


def _runs(report: Report) -> dict[str, ParityReport | LatencyReport]:
    runs = {"parity": report.parity, "latency": report.latency}
    return {name: run for name, run in runs.items() if run}


def _machines(report: Report) -> str:
    runs = _runs(report)
    machines = {name: run.machine for name, run in runs.items()}
    facts: dict[str, list[str]] = {
        "processor": [f"{machine.cpu} ({machine.architecture})" for machine in machines.values()],
        "instructions": [", ".join(machine.flags) or "-" for machine in machines.values()],
        "cores": [str(machine.cores) for machine in machines.values()],
        "memory": [f"{machine.memory_gb} GB" for machine in machines.values()],
        "system": [machine.os for machine in machines.values()],
        "Python": [machine.python for machine in machines.values()],
        "load average at start": [", ".join(f"{x:.2f}" for x in machine.load_average) for machine in machines.values()],
    }
    for package in dict.fromkeys(name for machine in machines.values() for name in machine.packages):
        facts[package] = [machine.packages.get(package, "-") for machine in machines.values()]
    for threads, peak in (report.latency.peak_gmacs if report.latency else {}).items():
        cells = [f"{number(peak)} GMAC/s" if run is report.latency else "-" for run in runs.values()]
        facts[f"float32 peak, {plural(int(threads), 'thread')}"] = cells
    columns: list[tuple[str, Callable[[tuple[str, list[str]]], str]]] = [("", lambda fact: fact[0])]
    columns += [(name, lambda fact, index=index: fact[1][index]) for index, name in enumerate(runs)]  # type: ignore[misc]
    return markdown_table(columns, list(facts.items()))


def _gate(gate: Gate | None) -> str:
    if gate is None:
        return "-"
    words = {
        "min_argmax_agreement": lambda value: f"agreement ≥ {100 * value:g} %",
        "max_abs_diff": lambda value: f"max Δp ≤ {value:g}",
        "max_abs_accuracy_delta": lambda value: f"Δ accuracy within ±{100 * value:g}",
    }
    return ", ".join(words[name](value) for name, value in vars(gate).items() if value is not None)
