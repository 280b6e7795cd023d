"""The times of several machines in one page, a column each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..cells import milliseconds, number
from ..latency.rows import LatencyReport
from ..machine import Machine
from ..table import markdown_table
from ..training.rows import TrainingReport

# What one machine has in each line.
Column = dict[str, str]


def to_markdown(latency: Sequence[LatencyReport], training: Sequence[TrainingReport]) -> str:
    """The page, from the runs of each machine."""
    sections = ["# Speed on several processors", "Each column is one run on one machine."]
    if latency:
        sections += [
            "## One image: p50 with batch 1, one thread",
            _table([_machine(run.machine, run.started) | _limit(run) for run in latency]),
            _table([_query_times(run, latency[0]) for run in latency]),
            "`*`: of another file than in the first column (its sha256 differs): an earlier or later one of that name.",
        ]
    if training:
        sections += [
            "## Training: images a second",
            _table([_machine(run.machine, run.when) for run in training]),
            _table([_training_speeds(run) for run in training]),
            "Stock is the network as Keras compiles it, ours what `fer_zoo.train` runs.",
        ]
    return "\n\n".join(sections) + "\n"


def _machine(machine: Machine, when: str) -> Column:
    return {
        "processor": machine.cpu,
        "instructions": ", ".join(machine.flags),
        "cores": str(machine.cores),
        "processes that ran or waited": f"{machine.load_average[0]:.1f}",
        "measured": when[:10],
        "commit": machine.commit or "-",
    }


def _limit(run: LatencyReport) -> Column:
    return {"limit for each file": f"{run.settings.queries:,} queries or {run.settings.seconds:g} s"}


def _query_times(run: LatencyReport, first: LatencyReport) -> Column:
    files, first_files = ({file.path: file.sha256 for file in each.files} for each in (run, first))
    return {
        row.path: milliseconds(row.p50_ms) + " *" * (files[row.path] != first_files.get(row.path))
        for row in run.rows
        if row.setting == (1, 1)
    }


def _training_speeds(run: TrainingReport) -> Column:
    return {f"{row.network}, {row.backend}, {row.variant}": number(row.images_per_second) for row in run.speeds}


def _table(columns: Sequence[Column]) -> str:
    keys = list(dict.fromkeys(key for column in columns for key in column))
    cells: list[tuple[str, Callable[[str], str]]] = [("", str)]
    cells += [
        (f"machine {index}", lambda key, column=column: column.get(key, "-"))  # type: ignore[misc]
        for index, column in enumerate(columns, 1)
    ]
    return markdown_table(cells, keys)
