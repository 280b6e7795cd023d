"""Runs side by side: `python -m fer_zoo.evaluation.comparison RUN [RUN …] --output FOLDER`.

A run is a folder that `fer_zoo.train` left. Its small files are copied beside the tables, so that they can be remade.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_zoo.console import out, run
from fer_zoo.data.augment import AUGMENTATIONS, Augmentation
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.evaluation import original
from fer_zoo.files import write_csv, write_json, write_text
from fer_zoo.png import save_png
from fer_zoo.training.config import TrainingConfig, current_names
from fer_zoo.zoo import portable, run_config

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FILES = ("config.json", "history.json", "evaluation.json")

# In columns of their own, or of no consequence to a model.
_UNLISTED = {"backend", "data", "epochs", "cache"}


@dataclass(frozen=True)
class Run:
    """What a training run left: its settings, its history by epoch and its evaluation by split.

    `beside_original` is whether the original project's figures compare with it, as its report says.
    """

    name: str
    config: dict[str, Any]
    history: list[dict[str, Any]]
    splits: dict[str, dict[str, Any]]
    beside_original: bool

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read a run's folder.

        Raises:
            FerZooError: A file is missing or is not what `fer_zoo.train` writes.
        """
        try:
            history, evaluation = (json.loads((folder / name).read_text("utf-8")) for name in _FILES[1:])
            splits = evaluation["splits"]
            if not {"public_test", "private_test"} <= set(splits):
                raise FerZooError(f"{folder} was measured on images that are not of PublicTest and PrivateTest")
            beside = "original" in evaluation and original.comparable(splits["test"]["per_class"])
            found = cls(folder.name, run_config(folder), history, splits, beside)
            # All that tables and plots are made of.
            to_markdown(folder.name, [found])
            for entry in history:
                _ = [float(entry[name]) for name in ("epoch", "accuracy", "selection_accuracy")]
            return found
        except FileNotFoundError as error:
            raise FerZooError(
                f"{folder} is not a finished training run: it has no {Path(error.filename).name}"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
            raise FerZooError(f"{folder} holds a damaged training run ({error!r:.200})") from error

    @property
    def best(self) -> dict[str, Any]:
        """The history entry of the published epoch."""
        return max(self.history, key=lambda entry: entry["selection_accuracy"])

    @property
    def expressions(self) -> tuple[str, ...]:
        """The classes of the run's model."""
        return tuple(self.splits["test"]["per_class"])

    @property
    def settings(self) -> dict[str, str]:
        """Every setting of both phases as text; what the config of an older run lacks is the default."""
        training = vars(TrainingConfig()) | current_names(self.config["training"])
        transfer = training.pop("transfer", None) or {}
        options = dict(option.split("=", 1) for option in training.pop("model_options", ()))
        if augmentation := training.pop("augmentation"):
            known = {Augmentation(**augmentation): "other"} | {value: name for name, value in AUGMENTATIONS.items()}
            augmentation = known[Augmentation(**augmentation)]
        values = training | transfer | options | {"augmentation": augmentation}
        return {name: _text(value) for name, value in values.items() if name not in _UNLISTED}

    def row(self) -> dict[str, Any]:
        """The figures of one table row; accuracies are shares of 1, `minutes` the training steps' wall time."""
        training, test = self.config["training"], self.splits["test"]
        return {
            "run": self.name,
            "backend": training["backend"],
            "settings": self.settings,
            "epochs": len(self.history),
            "minutes": round(sum(entry["seconds"] for entry in self.history) / 60, 1),
            "best_epoch": self.best["epoch"],
            "train_accuracy": self.best["accuracy"],
            "public_test": self.splits["public_test"]["accuracy"],
            "private_test": self.splits["private_test"]["accuracy"],
            "test": test["accuracy"],
            "test_low": test["accuracy_interval"][0],
            "test_high": test["accuracy_interval"][1],
            "macro_f1": test["macro_f1"],
            "ece": test["ece"],
            **{f"f1_{name}": test["per_class"][name]["f1"] for name in self.expressions},
        }


def main(arguments: list[str]) -> int | None:
    parser = argparse.ArgumentParser(
        description="Compare training runs: tables (JSON, CSV, markdown) and learning curves."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder that fer_zoo.train left")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--title", default="Training runs compared")
    options = parser.parse_args(arguments)
    if (options.output / "README.md").exists() and not (options.output / "runs.json").exists():
        raise UsageError(f"{options.output} has a README.md that is not of a comparison; choose another --output")
    runs = [Run.load(folder) for folder in options.runs]
    for each, folder in zip(runs, options.runs, strict=True):
        if each.expressions != runs[0].expressions:
            raise UsageError(f"{folder} has other expressions than {options.runs[0]}; compare runs on the same labels")
    for folder in options.runs:
        for name in _FILES:
            target = options.output / folder.name / name
            if (folder / name).resolve() != target.resolve():
                target.parent.mkdir(parents=True, exist_ok=True)
                write_json(target, portable(json.loads((folder / name).read_text("utf-8"))))
    rows = [each.row() for each in runs]
    write_json(options.output / "runs.json", rows)
    write_csv(options.output / "runs.csv", rows)
    write_text(options.output / "README.md", to_markdown(options.title, runs))
    save_png(_plot(runs), options.output / "runs.png")
    save_png(_plot_points(rows), options.output / "points.png")
    out.print(f"tables and plots of {len(runs)} runs are in {options.output}")
    return 0


def to_markdown(title: str, runs: list[Run]) -> str:
    """The comparison as markdown: settings and accuracy, F1 by expression, commands.

    The original's figures come first where they compare with all runs.
    """
    count = f"{runs[0].splits['test']['n']:,}"
    base = runs[0].row()["test"]
    overall = [_cells(each.row(), base, count) | {"settings": _changed(each, runs[0])} for each in runs]
    if all(each.beside_original for each in runs):
        published = original.MOBILENET_V2_ACCURACY if _is_transfer(runs) else original.ACCURACY
        overall.insert(0, {"run": _original_name(runs), "backend": "tensorflow", f"all {count}": f"{published:.1%}"})
    columns = list(overall[-1])
    classes = [[name, *(f"{value:.2f}" for value in values)] for name, values in _f1(runs).items()]
    commands = "\n".join(f"- {run.name}: `{portable(run.config['command'])}`" for run in runs)
    return (
        f"# {title}\n\n{_table(columns, [[cells.get(column, '') for column in columns] for cells in overall])}\n\n"
        f"`settings` are those that differ from the run {runs[0].name}, whose command is below; `points` are what they "
        f"changed on the {count}. The epoch is chosen on PublicTest. `train` is the accuracy on the training batches "
        "of that epoch, dropout and augmentation on; minutes are the wall time of the training steps, on a machine "
        "that may have been shared.\n\n"
        "![What each run changed, on either half of the test images](points.png)\n\n"
        f"## F1 by expression, all {count}\n\n"
        f"{_table(['run', *runs[0].expressions], classes)}\n\n## Commands\n\n{commands}\n"
    )


def _changed(run: Run, first: Run) -> str:
    if averaged := run.config.get("averaged"):
        return f"the mean of {len(averaged)} trainings' weights"
    here, there = run.settings, first.settings
    names = [name for name in {**there, **here} if here.get(name) != there.get(name)]
    return "; ".join(f"{name.replace('_', ' ')} {here.get(name, 'none')}" for name in names)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return " + ".join(_text(item) for item in value) or "none"
    if isinstance(value, str):
        return Path(value).name
    return "none" if value is None else f"{value:g}"


def _is_transfer(runs: list[Run]) -> bool:
    return all(each.config["training"].get("transfer") for each in runs)


def _original_name(runs: list[Run]) -> str:
    return "original" if runs[0].splits["test"]["n"] == original.N else f"original, of {original.N:,}"


def _f1(runs: list[Run]) -> dict[str, list[float]]:
    """F1 of each expression on all test images, by run, the original's baseline first where the runs are of one."""
    beside = all(each.beside_original for each in runs) and not _is_transfer(runs)
    tables: dict[str, Any] = {_original_name(runs): original.PER_CLASS} if beside else {}
    tables |= {each.name: each.splits["test"]["per_class"] for each in runs}
    return {name: [table[expression]["f1"] for expression in runs[0].expressions] for name, table in tables.items()}


def _cells(row: dict[str, Any], base: float, count: str) -> dict[str, str]:
    return {
        "run": row["run"],
        "backend": row["backend"],
        "settings": "",
        "epoch": f"{row['best_epoch']} of {row['epochs']}",
        "minutes": f"{row['minutes']:.0f}",
        "train": f"{row['train_accuracy']:.1%}",
        "PublicTest": f"{row['public_test']:.1%}",
        "PrivateTest": f"{row['private_test']:.1%}",
        f"all {count}": f"{row['test']:.2%}",
        "points": f"{100 * (row['test'] - base):+.2f}",
        "95 % interval": f"{row['test_low']:.1%} to {row['test_high']:.1%}",
        "macro-F1": f"{row['macro_f1']:.3f}",
        "ECE": f"{row['ece']:.3f}",
    }


def _table(header: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] * len(header)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _plot(runs: list[Run]) -> Figure:
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5 + 0.12 * len(runs)), layout="constrained")
    curves, bars = figure.subplots(1, 2)
    palette = colormaps["tab10" if len(runs) <= 10 else "tab20"]
    colors: dict[str, Any] = {each.name: palette(index % palette.N) for index, each in enumerate(runs)}
    colors[_original_name(runs)] = "0.7"
    tables = _f1(runs)
    width = 0.8 / len(tables)
    for index, (name, values) in enumerate(tables.items()):
        x = [group + (index - (len(tables) - 1) / 2) * width for group in range(len(values))]
        bars.bar(x, values, width, label=name, color=colors[name])
    bars.set_xticks(range(len(runs[0].expressions)), runs[0].expressions)
    bars.set(title=f"F1 by expression, all {runs[0].splits['test']['n']:,} test images", ylim=(0, 1))
    for each in runs:
        epochs = [entry["epoch"] for entry in each.history]
        color = colors[each.name]
        curves.plot(epochs, [entry["selection_accuracy"] for entry in each.history], color=color)
        curves.plot(epochs, [entry["accuracy"] for entry in each.history], color=color, linestyle=":", alpha=0.6)
        curves.plot(each.best["epoch"], each.best["selection_accuracy"], color=color, marker="o")
    heads = {sum(entry.get("phase") == "head" for entry in each.history) for each in runs} - {0}
    for line, head in enumerate(sorted(heads)):
        curves.axvline(head + 0.5, color="0.5", linewidth=1)
        corner = (head + 0.6, 0.02 + 0.04 * line)
        curves.annotate("fine-tuning", corner, xycoords=("data", "axes fraction"), color="0.4", fontsize=8)
    curves.set(title="Accuracy by epoch: PublicTest, and training batches dotted", xlabel="epoch")
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.yaxis.set_major_formatter("{x:.0%}")
    for axes in (curves, bars):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    figure.legend(*bars.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside lower center", ncols=6)
    return figure


def _plot_points(rows: list[dict[str, Any]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.5 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    y = range(len(rows))
    for split, label, marker in (("public_test", "PublicTest", "o"), ("private_test", "PrivateTest", "D")):
        axes.plot([100 * (row[split] - rows[0][split]) for row in rows], y, marker, label=label)
    axes.set_yticks(y, [row["run"] for row in rows])
    axes.invert_yaxis()
    axes.axvline(0, color="0.5", linewidth=1)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.set(xlabel="points of accuracy", title=f"What each run changed, against {rows[0]['run']}")
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    sys.exit(run(main))
