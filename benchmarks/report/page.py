"""The report as a page to read."""

from __future__ import annotations

from typing import Any

from .models import FERPLUS_NOTE
from .tables import (
    at,
    markdown_table,
    milliseconds,
    number,
    of_earlier_files,
    of_fer2013,
    percent,
    plural,
    points,
    settings_of,
    size,
)

Row = dict[str, Any]

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


def to_markdown(report: Row, plots: list[str]) -> str:
    """The page.

    Args:
        report: Content of `report.json`.
        plots: File names of the plots that exist.
    """
    sections = [
        ["# Benchmark report", *_introduction(report)],
        _problems(report),
        ["## Summary", *_summary(report)],
        [f"![{title}]({name})" for name, title in _PLOTS.items() if name in plots],
        _accuracy(report),
        _parity(report),
        _aims(report),
        _elsewhere(report),
        _recall(report),
        _latency(report),
        _cost(report),
        _execution(report),
        _cold_start(report),
        ["## How to read this", *_explanation(report)],
        ["## Machine", *_machines(report)],
    ]
    return "\n\n".join("\n\n".join(section) for section in sections if section) + "\n"


def headline(report: Row) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the summary."""
    settings = settings_of(report)
    first, last = (settings[0], settings[-1]) if settings else ((1, 1), (1, 1))
    columns = ["artifact", "accuracy", "95 % interval", "Δ points", "agreement", "size"]
    if settings:
        columns += [f"p50, {_setting(*first)}", "relative", f"images/s, {_setting(*last)}", "cold start", "memory"]
    rows = []
    for artifact in report["artifacts"]:
        evaluation, parity = artifact.get("evaluation", {}), artifact.get("parity", {})
        cold = artifact.get("cold_start", {})
        single, many = at(artifact, *first) or {}, at(artifact, *last) or {}
        timed = [
            milliseconds(single.get("p50_ms")),
            _times(single.get("relative_p50")),
            number(many.get("images_per_second")),
            milliseconds(cold.get("cold_start_ms")),
            size(cold.get("peak_memory_bytes")),
        ]
        rows.append(
            [
                artifact["name"],
                percent(evaluation.get("accuracy")),
                _interval(evaluation.get("accuracy_interval")),
                points(parity.get("accuracy_delta")),
                percent(parity.get("argmax_agreement")),
                size(artifact["bytes"]),
                *(timed if settings else ()),
                _STATUS[artifact["status"]],
            ]
        )
    return [*columns, "status"], rows


def _introduction(report: Row) -> list[str]:
    lines = []
    for name, run in report["runs"].items():
        machine = run["machine"]
        where = f"{machine['cpu']}, {plural(machine['cores'], 'core')}, {machine['memory_gb']} GB, {machine['os']}"
        text = f"{name.capitalize()}: measured {run.get('finished') or run['started']} on {where}"
        if machine["commit"]:
            text += f", commit {machine['commit']}"
        if "data" in run:
            text += f"; {run['data']['n']:,} test images of {run['data']['source']}"
        lines.append(text + ("." if run["complete"] else "; **interrupted, so that rows are missing**."))
    if not all(of_fer2013(artifact) for artifact in report["artifacts"]):
        lines.append(f"Models called `…_ferplus`: {FERPLUS_NOTE.removeprefix('⁴ ')}")
    earlier: dict[str, list[str]] = {}
    for artifact in report["artifacts"]:
        if "machine" in artifact:
            earlier.setdefault(artifact["machine"]["cpu"], []).append(artifact["model"])
    for cpu, models in earlier.items():
        lines.append(f"Parity of {', '.join(dict.fromkeys(models))} is from an earlier run, on {cpu}.")
    if earlier_files := of_earlier_files(report["artifacts"]):
        lines.append(earlier_files)
    if latency := report["runs"].get("latency"):
        lines += _cautions(latency)
    if report["base"]:
        lines.append(
            "Milliseconds belong to that machine and moment. What carries over is a ratio of two times of this run: "
            f"the column “relative” divides by the p50 of {report['base']} in the same setting."
        )
    return lines


def _cautions(run: Row) -> list[str]:
    """Why the times of this run mean less than usual."""
    settings, machine = run["settings"], run["machine"]
    cautions = []
    if settings["queries"] < 1024 and settings["seconds"] < 10:
        cautions.append(
            f"**A short run** ({settings['queries']:,} queries or {settings['seconds']:g} s): it shows that everything "
            "works, its times are not for quoting."
        )
    if machine["architecture"] == "x86_64" and not _INT8_PRODUCTS.intersection(machine["flags"]):
        cautions.append(
            "**No VNNI**: this processor takes three instructions for 32 products of bytes (VPMADDUBSW, VPMADDWD, "
            "VPADDD) where VNNI takes one, so that int8 saves size and memory here and little or no time."
        )
    if machine["load_average"][0] > machine["cores"] / 2:
        cautions.append(
            f"**A busy machine**: {machine['load_average'][0]:.1f} processes were waiting or running on "
            f"{plural(machine['cores'], 'core')} when the times were taken."
        )
    return cautions


def _problems(report: Row) -> list[str]:
    items = [
        f"- {a['name']}: {problem}" for a in report["artifacts"] for problem in (*a["missed"], *a["errors"]) if problem
    ]
    return ["## Failures", "\n".join(items)] if items else []


def _summary(report: Row) -> list[str]:
    columns, rows = headline(report)
    return [markdown_table(columns, rows)]


def _accuracy(report: Row) -> list[str]:
    rows = []
    for artifact in report["artifacts"]:
        if "evaluation" not in artifact:
            continue
        evaluation = artifact["evaluation"]
        unseen = evaluation["without_train_copies"] or {}
        rows.append(
            [
                artifact["name"],
                f"{evaluation['n']:,}",
                percent(evaluation["accuracy"]),
                _interval(evaluation["accuracy_interval"]),
                percent(evaluation["macro_f1"]),
                number(evaluation["nll"]),
                percent(evaluation["ece"]),
                percent(unseen.get("accuracy")),
                _interval(unseen.get("accuracy_interval")),
                f"{unseen.get('n', 0):,}",
            ]
        )
    columns = ["artifact", "n", "accuracy", "95 % interval", "macro-F1", "NLL", "ECE"]
    columns += ["without copies", "95 % interval", "n"]
    return ["## Accuracy", markdown_table(columns, rows)] if rows else []


def _parity(report: Row) -> list[str]:
    rows = []
    for artifact in report["artifacts"]:
        if "parity" not in artifact:
            continue
        parity = artifact["parity"]
        low, high = parity["accuracy_delta_interval"]
        rows.append(
            [
                artifact["name"],
                points(parity["accuracy_delta"]),
                _points_interval([low, high]),
                f"{parity['lost']} / {parity['won']}",
                number(parity["mcnemar_p"]),
                points(parity["macro_f1_delta"]),
                _points_interval(parity.get("macro_f1_delta_interval")),
                percent(parity["argmax_agreement"]),
                number(parity["max_abs_diff"]),
                number(parity["mean_abs_diff"]),
                number(parity["kl"]),
                points(parity["ece_delta"]),
                _gate(artifact["gate"]),
                _STATUS[artifact["status"]],
            ]
        )
    columns = [
        "artifact",
        "Δ accuracy",
        "95 % interval",
        "lost / won",
        "McNemar p",
        "Δ macro-F1",
        "95 % interval",
        "agreement",
    ]
    columns += ["max Δp", "mean Δp", "KL", "Δ ECE", "gate", "status"]
    return ["## Parity with the Keras original", markdown_table(columns, rows)] if rows else []


# Why an artifact may fall short of an aim, by the measure that does.
_REASONS = {
    "size": "An int8 weight takes a quarter of its bytes; a bias of 32 bits and a scale for each channel come on top, "
    "and the first layers stay in float, which all tells most in the smallest files.",
    "argmax_agreement": "Where answers differ, two expressions were nearly as likely: see max Δp and mean Δp.",
}


def _aims(report: Row) -> list[str]:
    items = [f"- {a['name']}: {sentence}" for a in report["artifacts"] for sentence in a.get("short_of_aims", ())]
    if not any("short_of_aims" in artifact for artifact in report["artifacts"]):
        return []
    if not items:
        return ["### Goals not reached", "None: every artifact reaches the zoo's goals."]
    reasons = [reason for measure, reason in _REASONS.items() if any(f": {measure} is" in item for item in items)]
    return ["### Goals not reached", "\n".join(items), *reasons]


def _elsewhere(report: Row) -> list[str]:
    rows = []
    for artifact in report["artifacts"]:
        for row in artifact.get("elsewhere", ()):
            parity = row.get("parity", {})
            rows.append(
                [
                    artifact["name"],
                    row["where"],
                    points(parity.get("accuracy_delta")),
                    percent(parity.get("argmax_agreement")),
                    number(parity.get("max_abs_diff")),
                    number(parity.get("mean_abs_diff")),
                    number(parity.get("kl")),
                    _STATUS[row["status"]],
                    "; ".join(row.get("missed", ())) or row.get("error", ""),
                ]
            )
    columns = ["artifact", "run by", "Δ accuracy", "agreement", "max Δp", "mean Δp", "KL", "status", "problem"]
    text = "The same files on other Keras backends and in other runtimes, beside the same predictions of the original."
    return ["## Other backends and runtimes", text, markdown_table(columns, rows)] if rows else []


def _recall(report: Row) -> list[str]:
    measured = [artifact for artifact in report["artifacts"] if "evaluation" in artifact]
    classes = list(dict.fromkeys(name for artifact in measured for name in artifact["evaluation"]["recall"]))
    rows = []
    for artifact in measured:
        recall = artifact["evaluation"]["recall"]
        change = artifact.get("parity", {}).get("per_class_recall_delta", {})
        cells = (
            percent(recall.get(name), 1) + (f" ({points(change[name])})" if name in change else "") for name in classes
        )
        rows.append([artifact["name"], *cells])
    return (
        ["## Recall per class, with its change in points", markdown_table(["artifact", *classes], rows)] if rows else []
    )


def _latency(report: Row) -> list[str]:
    sections = []
    for batch, threads in settings_of(report):
        rows = []
        for artifact in report["artifacts"]:
            row = at(artifact, batch, threads)
            if row is None:
                continue
            rows.append(
                [
                    artifact["name"],
                    row["runtime"],
                    *(milliseconds(row[name]) for name in ("p50_ms", "p90_ms", "p99_ms", "mean_ms")),
                    _rounds(row),
                    _times(row["relative_p50"]),
                    number(row["images_per_second"]),
                    number(row["gmacs_per_second"]),
                    milliseconds(row.get("roofline_ms")),
                    _times(row.get("times_roofline")),
                    f"{row['n']:,}",
                ]
            )
        columns = ["artifact", "runtime", "p50", "p90", "p99", "mean", "p50 by round", "relative", "images/s"]
        columns += ["GMAC/s", "roofline", "times roofline", "n"]
        sections += [f"### {_setting(batch, threads).capitalize()}", markdown_table(columns, rows)]
    return ["## Latency", *sections] if sections else []


def _cost(report: Row) -> list[str]:
    shown = [artifact for artifact in report["artifacts"] if "best" in artifact]
    if not shown:
        return []
    rows = []
    for artifact in shown:
        best = artifact["best"]
        cost = best.get("usd_per_million")
        rows.append(
            [
                artifact["name"],
                _setting(best["batch"], best["threads"]),
                number(best["images_per_second_per_core"]),
                "-" if cost is None else f"{cost:.4f}",
            ]
        )
    run = report["runs"]["latency"]
    price = run["settings"].get("price")
    notes = [] if price is None else [f"A core costs {price:g} US dollars an hour here (`--price`)."]
    columns = ["artifact", "best setting", "images/s per core", "USD per million faces"]
    return ["## Throughput and cost", " ".join(notes), markdown_table(columns, rows)]


def _execution(report: Row) -> list[str]:
    rows = []
    for artifact in report["artifacts"]:
        for row in artifact.get("execution", ()):
            own = at(artifact, row["batch"], row["threads"]) or {}
            rows.append(
                [
                    artifact["name"],
                    row["execution"],
                    milliseconds(row["p50_ms"]),
                    milliseconds(own.get("p50_ms")),
                    _times(row["relative_to_default"]),
                    _rounds(row),
                    _rounds(own),
                ]
            )
    if not rows:
        return []
    columns = ["artifact", "run with", "p50", "default p50", "relative to default", "p50 by round", "default by round"]
    text = (
        "Other ways to run the same files, at the smallest batch and fewest threads. The defaults of `load_classifier` "
        "are ONNX Runtime with all graph optimizations and LiteRT with XNNPACK; above 1.00x the default is faster."
    )
    refused = report["runs"]["latency"].get("refused") or []
    return [
        "## Execution settings",
        text,
        markdown_table(columns, rows),
        *(["\n".join(f"- {s}" for s in refused)] if refused else []),
    ]


def _rounds(row: Row) -> str:
    rounds = row["p50_ms_by_round"]
    return f"{number(min(rounds))} to {number(max(rounds))} ms"


def _cold_start(report: Row) -> list[str]:
    rows = []
    for artifact in report["artifacts"]:
        if "cold_start" not in artifact:
            continue
        cold = artifact["cold_start"]
        parts = ("cold_start_ms", "python_ms", "import_ms", "load_ms", "answer_ms")
        rows.append(
            [
                artifact["name"],
                cold["runtime"],
                *(milliseconds(cold[name]) for name in parts),
                size(cold["peak_memory_bytes"]),
                str(cold["n"]),
            ]
        )
    columns = ["artifact", "runtime", "cold start", "Python", "imports", "load", "first answer", "peak memory", "n"]
    return ["## Cold start", markdown_table(columns, rows)] if rows else []


def _explanation(report: Row) -> list[str]:
    parity = [
        "- **accuracy, 95 % interval**: on all test images; Wilson interval. Exports of one model are measured on the "
        "same images, so that their differences are far more certain than these intervals suggest: that is what the "
        "paired interval and McNemar's exact p in the parity table are for. *lost / won* counts the images that only "
        "the original, or only the artifact, gets right.",
        "- **without copies**: accuracy on the test images that have no exact copy in FER2013's train split. "
        "**NLL**: mean negative log-likelihood in nats. **ECE**: expected calibration error.",
        "- **Δ**: artifact minus its Keras original, in percentage points.",
        "- **agreement**: share of images for which both name the same expression. **max Δp, mean Δp**: largest and "
        "mean difference of a probability. **KL**: mean divergence from the original's distribution, in nats.",
        "- **gate**: what an artifact of that precision must hold; a missed gate makes the command fail.",
    ]
    latency = [
        "- **p50, p90, p99**: nearest-rank percentiles of the bare runtime call on real faces, one query at a time, "
        "with the number of threads set explicitly. **p50 by round** is the smallest and largest median of the "
        "rounds: where two artifacts overlap there, they are equally fast.",
        "- **images/s**: images / time of all queries. **GMAC/s**: multiply-accumulates of the architecture per "
        "second at the p50. **roofline**: the time they would take at the speed of NumPy's float32 matrix product on "
        "this machine with as many threads; **times roofline** is the p50 over it, 1 being all that float32 can give. "
        "int8 arithmetic, which is faster, or a runtime that needs fewer operations, may be below 1.",
        "- **images/s per core**: at the batch and threads where it is highest.",
        "- **cold start**: from before a fresh Python process exists to its first answer (median), and its parts. "
        "**memory**: the largest resident memory of that process, Python and runtime included.",
    ]
    shown = (parity if "parity" in report["runs"] else []) + (latency if "latency" in report["runs"] else [])
    if run := report["runs"].get("latency"):
        settings = run["settings"]
        shown.append(
            f"- Every artifact in every setting had {settings['warmup_seconds']} s of warm-up, then "
            f"{settings['queries']:,} queries or {settings['seconds']:g} s in {settings['rounds']} rounds; in each "
            "round all of them take turns in a new order, so that a change of the machine's speed hits all alike."
        )
    return ["\n".join(shown)]


def _machines(report: Row) -> list[str]:
    runs = report["runs"].values()
    machines = [run["machine"] for run in runs]
    facts: dict[str, list[str]] = {
        "processor": [f"{machine['cpu']} ({machine['architecture']})" for machine in machines],
        "instructions": [", ".join(machine["flags"]) or "-" for machine in machines],
        "cores": [str(machine["cores"]) for machine in machines],
        "memory": [f"{machine['memory_gb']} GB" for machine in machines],
        "system": [machine["os"] for machine in machines],
        "Python": [machine["python"] for machine in machines],
        "commit": [machine["commit"] or "-" for machine in machines],
        "load average at start": [", ".join(f"{load:.2f}" for load in machine["load_average"]) for machine in machines],
    }
    for package in dict.fromkeys(name for machine in machines for name in machine["packages"]):
        facts[package] = [machine["packages"].get(package, "-") for machine in machines]
    for threads in dict.fromkeys(threads for run in runs for threads in run.get("peak_gmacs", ())):
        peaks = [run.get("peak_gmacs", {}).get(threads) for run in runs]
        facts[f"float32 peak, {plural(int(threads), 'thread')}"] = [
            "-" if peak is None else f"{number(peak)} GMAC/s" for peak in peaks
        ]
    return [markdown_table(["", *report["runs"]], [[name, *cells] for name, cells in facts.items()])]


def _setting(batch: int, threads: int) -> str:
    return f"batch {batch}, {plural(threads, 'thread')}"


def _interval(interval: list[float] | None) -> str:
    return "-" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %"


def _points_interval(interval: list[float] | None) -> str:
    return "-" if interval is None else f"{points(interval[0])} to {points(interval[1])}"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}x"


def _gate(gate: dict[str, float | None]) -> str:
    words = {
        "min_argmax_agreement": lambda value: f"agreement ≥ {100 * value:g} %",
        "max_abs_diff": lambda value: f"max Δp ≤ {value:g}",
        "max_abs_accuracy_delta": lambda value: f"Δ accuracy within ±{100 * value:g}",
    }
    return ", ".join(words[name](value) for name, value in gate.items() if value is not None)
