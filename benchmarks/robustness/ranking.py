"""Which model transfers best: all of them on another data set than FER2013, with several priors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fer_zoo.evaluation.significance import paired_test

from ..cells import number, percent, percent_interval
from ..studies.populations.measure import rows_by_prior
from ..studies.populations.rows import PRIORS, PopulationRow
from ..table import Columns, markdown_table
from .rows import Subject, Transfer


def compare(
    subjects: Sequence[Subject],
    probabilities: Mapping[str, np.ndarray],
    training: Mapping[str, np.ndarray | None],
    labels: np.ndarray,
    data: str,
) -> Transfer:
    """Measure every file with every prior.

    Args:
        subjects: The files.
        probabilities: Probabilities by name, float `[n, 7]`, for the training population.
        training: Class frequencies in training by name; `None` if they are not known.
        labels: int `[n]`.
        data: Name of the data set.
    """

    def right(subject: Subject) -> np.ndarray:
        return probabilities[subject.name].argmax(1) == labels

    ranked = sorted(subjects, key=lambda subject: -right(subject).mean())
    runner_up = next((subject for subject in ranked if subject.model != ranked[0].model), None)
    rows = [
        row
        for s in ranked
        for row in rows_by_prior(s.name, s.sha256, data, probabilities[s.name], labels, training[s.name])
    ]
    if runner_up is None:
        return Transfer(tuple(rows))
    return Transfer(tuple(rows), runner_up.name, paired_test(right(runner_up), right(ranked[0])).mcnemar_p)


def transfer_section(transfer: Transfer, plot: str) -> list[str]:
    """The section of the page; `plot` is its picture, empty where there is none."""
    plain = [row for row in transfer.rows if row.prior == "training"]
    return [
        "## Which model transfers best",
        " ".join(_verdict(transfer, plain)),
        plot,
        markdown_table(_columns(plain[0]), plain),
        "The predictions as they are: accuracy, mean recall of the expressions that have images (macro recall), "
        "calibration error (ECE), recall by expression.",
        "### Priors",
        markdown_table(_PRIOR_COLUMNS, _by_file(transfer.rows)),
        "Accuracy / macro recall (ECE). **training**: the predictions as they are; **known**: adapted to the labels' "
        "own frequencies, which only an experiment knows; **estimated**: to those that EM finds in the predictions "
        "alone, of at least 70 images; **uniform**: to all expressions occurring alike. Peers' training frequencies "
        "are not known. All figures are in `transfer.csv`.",
    ]


def _verdict(transfer: Transfer, plain: Sequence[PopulationRow]) -> list[str]:
    best = plain[0]
    words = f"**{best.model} transfers best**: {percent(best.accuracy, 1)} of {best.n:,} images right "
    words += f"(95 % interval {percent_interval(best.accuracy_interval)})"
    if transfer.runner_up is None:
        sentences = [f"{words}; no other model was measured."]
    else:
        second = next(row for row in plain if row.model == transfer.runner_up)
        ahead = f"{100 * (best.accuracy - second.accuracy):.1f} points before {second.model}, the next model"
        sentences = [f"{words}, {ahead} (McNemar's exact test: p = {number(transfer.p)})."]
    balanced = max(plain, key=lambda row: row.macro_recall)
    if balanced.model != best.model:
        sentences.append(f"Highest macro recall: {balanced.model}, {percent(balanced.macro_recall, 1)}.")
    adapted = max((row for row in transfer.rows if row.prior in ("uniform", "estimated")), key=_accuracy, default=None)
    if adapted:
        sentences.append(
            f"The best with a prior that needs no labels is {adapted.model} with the {adapted.prior} one: "
            f"{percent(adapted.accuracy, 1)}, macro recall {percent(adapted.macro_recall, 1)}."
        )
    return sentences


def _columns(row: PopulationRow) -> Columns[PopulationRow]:
    def recall(name: str) -> Callable[[PopulationRow], str]:
        return lambda row: percent(row.recall[name], 1)

    return [
        ("", lambda row: row.model),
        ("accuracy", lambda row: percent(row.accuracy)),
        ("95 % interval", lambda row: percent_interval(row.accuracy_interval)),
        ("macro recall", lambda row: percent(row.macro_recall)),
        ("ECE", lambda row: percent(row.ece)),
        *((name, recall(name)) for name in row.recall),
    ]


def _by_file(rows: Sequence[PopulationRow]) -> list[dict[str, PopulationRow]]:
    by_model: dict[str, dict[str, PopulationRow]] = {}
    for row in rows:
        by_model.setdefault(row.model, {})[row.prior] = row
    return list(by_model.values())


def _prior_cell(prior: str) -> Callable[[dict[str, PopulationRow]], str]:
    def cell(rows: dict[str, PopulationRow]) -> str:
        if not (row := rows.get(prior)):
            return "-"
        return f"{percent(row.accuracy, 1)} / {percent(row.macro_recall, 1)} ({percent(row.ece, 1)})"

    return cell


_PRIOR_COLUMNS: Columns[dict[str, PopulationRow]] = [
    ("", lambda rows: rows["training"].model),
    *((prior, _prior_cell(prior)) for prior in PRIORS),
]


def _accuracy(row: PopulationRow) -> float:
    return row.accuracy
