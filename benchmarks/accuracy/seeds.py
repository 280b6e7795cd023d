"""`python -m benchmarks seeds NAME RUN RUN …`: mean and spread of one recipe over the seeds it was trained with."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.files import write_json, write_text
from fer_zoo.zoo import artifacts_dir, run_config

from ..options import reports_folder
from ..report.stored import SCHEMA, read_report
from ..report.tables import markdown_table, percent

SPLITS = {"test": "all test images", "public_test": "PublicTest", "private_test": "PrivateTest"}


@dataclass(frozen=True)
class Spread:
    """Accuracy of one recipe's trainings on one split.

    Attributes:
        model: Name in the zoo.
        split: `test`, `public_test` or `private_test`.
        seeds: Of each training.
        accuracies: Of each training, 0 to 1, in the order of `seeds`.
    """

    model: str
    split: str
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float:
        """The sample standard deviation (n - 1)."""
        return statistics.stdev(self.accuracies)

    @property
    def text(self) -> str:
        """For example `70.31 ± 0.22 %, 3 seeds`."""
        return f"{100 * self.mean:.2f} ± {100 * self.deviation:.2f} %, {len(self.seeds)} seeds"


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    found = spread(options.model, options.runs)
    folder = options.output or reports_folder(artifacts_dir())
    rows = [row for row in read_spreads(folder) if row.model != options.model] + found
    rows.sort(key=lambda row: (row.model, list(SPLITS).index(row.split)))
    write_json(folder / "seeds.json", {"schema": SCHEMA, "kind": "seeds", "rows": [asdict(row) for row in rows]})
    write_text(folder / "seeds.md", to_markdown(rows))
    for row in found:
        out.print(f"{SPLITS[row.split]}: {row.text}")
    return 0


def spread(model: str, runs: list[Path]) -> list[Spread]:
    """The accuracies of `runs` on each split.

    Args:
        model: Name of the recipe.
        runs: Folders of two or more trainings that differ in their seed alone.

    Raises:
        UsageError: There are fewer than two, one is not finished, two have the same seed, or their settings differ.
    """
    if len(runs) < 2:
        raise UsageError("a spread needs the folders of two or more runs")
    seeds, settings, splits = [], [], []
    for run in runs:
        training = dict(run_config(run).get("training", {}))
        evaluation = run / "evaluation.json"
        if "seed" not in training or not evaluation.exists():
            raise UsageError(f"{run} is not the folder of a finished run: it has no config.json or no evaluation.json")
        seeds.append(training.pop("seed"))
        settings.append(training)
        splits.append(json.loads(evaluation.read_text())["splits"])
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"the runs must differ in their seeds, which are {', '.join(map(str, seeds))}")
    for run, other in zip(runs[1:], settings[1:], strict=True):
        if different := sorted(name for name in settings[0] | other if settings[0].get(name) != other.get(name)):
            raise UsageError(f"{run} differs from {runs[0]} in more than the seed: {', '.join(different)}")
    return [
        Spread(model, split, tuple(seeds), tuple(found[split]["accuracy"] for found in splits))
        for split in SPLITS
        if all(split in found for found in splits)
    ]


def read_spreads(folder: Path) -> list[Spread]:
    """What `seeds.json` in `folder` has; nothing where there is none."""
    report = read_report(folder / "seeds.json") or {"rows": []}
    return [Spread(row["model"], row["split"], tuple(row["seeds"]), tuple(row["accuracies"])) for row in report["rows"]]


def to_markdown(rows: Iterable[Spread]) -> str:
    """The page: mean, standard deviation and each training."""
    cells = [
        [
            row.model,
            SPLITS[row.split],
            percent(row.mean),
            f"{100 * row.deviation:.2f}",
            ", ".join(f"{percent(a)} ({seed})" for a, seed in zip(row.accuracies, row.seeds, strict=True)),
        ]
        for row in rows
    ]
    columns = ["model", "images", "mean", "s.d., points", "each (seed)"]
    return (
        "\n\n".join(
            [
                "# Spread over seeds",
                "Trainings of one recipe that differ in their seed alone, which draws weights, order and augmentation. "
                "Standard deviation with n - 1.",
                markdown_table(columns, cells),
            ]
        )
        + "\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks seeds", description="Mean and spread of one recipe over several seeds."
    )
    parser.add_argument("model", metavar="NAME", help="name of the model in the tables")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs that differ in the seed")
    parser.add_argument("--output", type=Path, help="folder of the reports (default: reports in the artifacts folder)")
    return parser
