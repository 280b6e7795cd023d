"""`python -m benchmarks processors FOLDER [FOLDER …]`: the reports of several machines in one page, a column each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.files import write_text
from fer_zoo.zoo import artifacts_dir

from ..latency.execution import DEFAULT
from ..options import reports_folder
from .stored import read_report
from .tables import markdown_table, milliseconds, number

Report = dict[str, Any]
Column = dict[str, str]


def main(arguments: list[str]) -> int | None:
    parser = argparse.ArgumentParser(description="Put the times of several machines into one page, processors.md.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="with latency.json or training.json")
    parser.add_argument("--output", type=Path, help="folder of the page (default: reports in the artifacts folder)")
    given = parser.parse_args(arguments)
    latency, training = (
        [report for folder in given.folders if (report := read_report(folder / name))]
        for name in ("latency.json", "training.json")
    )
    if not latency and not training:
        raise UsageError("no folder has latency.json or training.json; name folders that `python -m benchmarks` wrote")
    path = (given.output or reports_folder(artifacts_dir())) / "processors.md"
    write_text(path, to_markdown(latency, training))
    out.print(f"report: {path}", markup=False)
    return 0


def to_markdown(latency: list[Report], training: list[Report]) -> str:
    """The page, from the content of each machine's `latency.json` and `training.json`."""
    sections = ["# Speed on several processors", "Each column is one run on one machine."]
    if latency:
        sections += [
            "## One image: p50 with batch 1, one thread",
            _table([_machine(run, "started") | _limit(run) for run in latency]),
            _table([_query_times(run, latency[0]) for run in latency]),
            "`*`: of another file than in the first column (its sha256 differs): an earlier or later one of that name.",
        ]
    if training:
        sections += [
            "## Training: images a second",
            _table([_machine(run, "when") for run in training]),
            _table([_training_speeds(run) for run in training]),
            "Stock is the network as Keras compiles it, ours what `fer_zoo.train` runs.",
        ]
    return "\n\n".join(sections) + "\n"


def _machine(run: Report, when: str) -> Column:
    machine = run["machine"]
    return {
        "processor": machine["cpu"],
        "instructions": ", ".join(machine["flags"]),
        "cores": str(machine["cores"]),
        "processes that ran or waited": f"{machine['load_average'][0]:.1f}",
        "measured": run[when][:10],
        "commit": machine["commit"],
    }


def _limit(run: Report) -> Column:
    settings = run["settings"]
    return {"limit for each file": f"{settings['queries']:,} queries or {settings['seconds']:g} s"}


def _query_times(run: Report, first: Report) -> Column:
    files, first_files = ({a["path"]: a["sha256"] for a in each["artifacts"]} for each in (run, first))
    return {
        row["path"]: milliseconds(row["p50_ms"]) + " *" * (files[row["path"]] != first_files.get(row["path"]))
        for row in run["rows"]
        if (row["batch"], row["threads"], row.get("execution", DEFAULT)) == (1, 1, DEFAULT)
    }


def _training_speeds(run: Report) -> Column:
    return {f"{s['network']}, {s['backend']}, {s['way']}": number(s["images_per_second"]) for s in run["speeds"]}


def _table(columns: list[Column]) -> str:
    keys = dict.fromkeys(key for column in columns for key in column)
    header = ["", *(f"machine {index}" for index in range(1, len(columns) + 1))]
    return markdown_table(header, [[key, *(column.get(key, "-") for column in columns)] for key in keys])
