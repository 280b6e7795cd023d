"""`python -m benchmarks populations`: what adapting the predictions to another population gives, and the default model.

FER2013's PrivateTest images are drawn anew so that the expressions occur as in other populations, and labelled by
other people (FER+). Writes `populations.json`, `.csv`, `.md` and `.png` into the reports.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_zoo.console import out, track
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, load_dataset, majority_labels
from fer_zoo.evaluation.metrics import evaluate_predictions
from fer_zoo.files import write_text
from fer_zoo.inference import DEFAULT_MODEL, load_classifier
from fer_zoo.inference.prior import adapt, estimate_prior, normalized
from fer_zoo.png import save_png
from fer_zoo.zoo import artifacts_dir, load_manifest, verified_path

from ..options import reports_folder
from ..table import Columns, markdown_table, write_csv, write_record

_DRAWN, _SEED = 3000, 2025

# Frequencies of the expressions, in their order; `None` are the images as they are.
POPULATIONS: dict[str, tuple[float, ...] | None] = {
    "PrivateTest as it is": None,
    "balanced": (1 / 7,) * 7,
    "mostly happy": (0.05, 0.02, 0.05, 0.60, 0.20, 0.04, 0.04),
    "distress": (0.30, 0.15, 0.25, 0.05, 0.05, 0.15, 0.05),
}
OTHER_RATERS = "labels of other raters"
PRIORS = ("training", "known", "estimated", "uniform")


@dataclass(frozen=True)
class PopulationRow:
    """One model's predictions on one population, adapted to one prior.

    Attributes:
        model: Name in the zoo; its int8 ONNX file.
        sha256: Of that file.
        population: A key of `POPULATIONS`, or `labels of other raters`: all test images whose FER+ raters agree on one
            of the seven expressions, with that label.
        prior: `training`: the predictions as they are; `known`: the population's true frequencies; `estimated`: by EM,
            from the predictions alone; `uniform`.
        n: Images.
        accuracy: Share of right predictions, 0 to 1.
        accuracy_interval: Its Wilson 95 % interval.
        macro_recall: Mean recall of the expressions, 0 to 1.
        nll: Mean negative log-likelihood of the label, nats.
        ece: Expected calibration error, 15 bins, 0 to 1.
        recall: By expression, 0 to 1.
    """

    model: str
    sha256: str
    population: str
    prior: str
    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_recall: float
    nll: float
    ece: float
    recall: dict[str, float]


@dataclass(frozen=True)
class Populations:
    """The record of a run.

    Attributes:
        source: The data set, as it was given.
        fingerprint: Of its content.
        drawn: Images drawn for each population, with replacement.
        rows: What was measured.
    """

    source: str
    fingerprint: str
    drawn: int
    rows: tuple[PopulationRow, ...]


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    artifacts = options.artifacts or artifacts_dir()
    folder = options.output or reports_folder(artifacts)
    record = measure(load_dataset(options.data), artifacts, options.models, options.ferplus)
    write_record(folder / "populations.json", record)
    write_csv(folder / "populations.csv", record.rows)
    plot(folder / "populations.png", record)
    write_text(folder / "populations.md", to_markdown(record))
    out.print(f"report: {folder / 'populations.md'}", markup=False)
    return 0


def measure(dataset: Dataset, artifacts: Path, models: list[str], ferplus: Path | None = None) -> Populations:
    """Measure the int8 ONNX files of the seven-expression models.

    Args:
        dataset: With PrivateTest images.
        artifacts: Folder of the manifest.
        models: Names; all where empty.
        ferplus: FER+'s votes; `None` is the bundled file.
    """
    test = dataset.subset("test")
    private = np.flatnonzero(test.splits == "private_test")
    sets = {name: _draw(test.labels, private, frequencies) for name, frequencies in POPULATIONS.items()}
    labels = {name: test.labels[index] for name, index in sets.items()}
    sets[OTHER_RATERS], labels[OTHER_RATERS] = _other_raters(test, ferplus)
    rows = []
    files = [a for a in load_manifest(artifacts) if (a.format, a.precision) == ("onnx", "int8")]
    files = [a for a in files if tuple(a.output["labels"]) == EXPRESSIONS and (not models or a.model in models)]
    for artifact in track(sorted(files, key=lambda a: a.macs), "models"):
        predictions = load_classifier(verified_path(artifact, artifacts), threads=cores()).predict_proba(test.images)
        training = normalized(artifact.output["prior"])
        for name, index in sets.items():
            rows += _rows(artifact.model, artifact.sha256, name, predictions[index], labels[name], training)
    return Populations(dataset.source, dataset.fingerprint, _DRAWN, tuple(rows))


def _rows(
    model: str, sha256: str, population: str, predictions: np.ndarray, labels: np.ndarray, training: np.ndarray
) -> list[PopulationRow]:
    priors = {
        "training": training,
        "known": normalized(np.bincount(labels, minlength=len(EXPRESSIONS))),
        "estimated": estimate_prior(predictions, training),
        "uniform": np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS)),
    }
    rows = []
    for prior, target in priors.items():
        found = evaluate_predictions(adapt(predictions, training, target), labels, EXPRESSIONS)
        recall = {name: values["recall"] for name, values in found.per_class.items()}
        rows.append(
            PopulationRow(
                model,
                sha256,
                population,
                prior,
                found.n,
                found.accuracy,
                found.accuracy_interval,
                found.macro_recall,
                found.nll,
                found.ece,
                recall,
            )
        )
    return rows


def _draw(labels: np.ndarray, index: np.ndarray, frequencies: tuple[float, ...] | None) -> np.ndarray:
    if frequencies is None:
        return index
    own = labels[index]
    weights = (np.array(frequencies) / np.bincount(own, minlength=len(frequencies)))[own]
    return np.random.default_rng(_SEED).choice(index, _DRAWN, p=weights / weights.sum())


def _other_raters(test: Dataset, ferplus: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """The test images whose FER+ raters agree on one of the seven expressions, and that expression."""
    majority = majority_labels(test, ferplus)
    place = {name: number for number, name in enumerate(test.names)}
    seven = majority.labels < len(EXPRESSIONS)
    index = np.array([place[name] for name in majority.names[seven]])
    return index, majority.labels[seven]


def _accuracy_cell(prior: str) -> Callable[[dict[str, PopulationRow]], str]:
    return lambda rows: f"{rows[prior].accuracy:.2%} ({rows[prior].ece:.1%})"


def _recall_cell(expression: str) -> Callable[[PopulationRow], str]:
    return lambda row: f"{row.recall[expression]:.1%}"


def _model_cell(rows: dict[str, PopulationRow]) -> str:
    return f"**{rows['training'].model}**"


_BY_PRIOR: Columns[dict[str, PopulationRow]] = [
    ("model", _model_cell),
    *((prior, _accuracy_cell(prior)) for prior in PRIORS),
]
_BY_CLASS: Columns[PopulationRow] = [
    ("population", lambda row: row.population),
    ("prior", lambda row: row.prior),
    *((name, _recall_cell(name)) for name in EXPRESSIONS),
]
_DEFAULT = DEFAULT_MODEL.partition(":")[0]


def to_markdown(record: Populations) -> str:
    """The page: a table for each population, and recall by expression of the first model."""
    sections = [
        "# Answers for other populations",
        f"int8 ONNX files on {record.source}. `training`: the predictions as they are; `known`: adapted to the true "
        "frequencies; `estimated`: to those that EM finds in the predictions alone; `uniform`: to equal ones. "
        "Accuracy, in brackets the calibration error (ECE). "
        f"{record.drawn:,} PrivateTest images are drawn with replacement for each population, alike for all models.",
        "![Accuracy by population and prior](populations.png)",
    ]
    for population in dict.fromkeys(row.population for row in record.rows):
        rows = [row for row in record.rows if row.population == population]
        by_model: dict[str, dict[str, PopulationRow]] = {}
        for row in rows:
            by_model.setdefault(row.model, {})[row.prior] = row
        sections += [f"## {population[0].upper()}{population[1:]}, {rows[0].n:,} images"]
        sections += [markdown_table(_BY_PRIOR, list(by_model.values()))]
    names = dict.fromkeys(row.model for row in record.rows)
    chosen = _DEFAULT if _DEFAULT in names else list(names)[-1]
    sections += ["## By expression", f"Recall of {chosen}."]
    sections += [markdown_table(_BY_CLASS, [row for row in record.rows if row.model == chosen], left=("prior",))]
    return "\n\n".join(sections) + "\n"


def plot(path: Path, record: Populations) -> None:
    """One panel for each population, a line for each model: accuracy by prior."""
    from matplotlib.figure import Figure

    populations = list(dict.fromkeys(row.population for row in record.rows))
    figure = Figure((3 * len(populations), 4), layout="constrained")
    axes = figure.subplots(1, len(populations), sharey=True, squeeze=False)[0]
    for axis, population in zip(axes, populations, strict=True):
        for model in dict.fromkeys(row.model for row in record.rows):
            values = [r.accuracy for r in record.rows if (r.model, r.population) == (model, population)]
            axis.plot(PRIORS, values, marker="o", label=model)
        axis.set_title(population)
        axis.tick_params(axis="x", rotation=30)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("accuracy")
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    save_png(figure, path, 110)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Measure what adapting the predictions to another population gives (fer_zoo.inference.prior)."
    )
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="only these models")
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV (default: the bundled test images)")
    parser.add_argument(
        "--ferplus", type=Path, metavar="CSV", help="FER+'s votes (default: those of the bundled images)"
    )
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json (default: the project's artifacts)")
    parser.add_argument("--output", type=Path, help="folder of the reports (default: reports in the artifacts folder)")
    return parser
