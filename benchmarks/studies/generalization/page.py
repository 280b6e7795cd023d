"""The page of the generalization study, from its table alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean, stdev

from ...cells import percent
from ...table import Columns, markdown_table
from .measure import BASE, HALVES, TESTS
from .rows import Generalization, GeneralizationRow

# Accuracies of one variant on one half, one for each seed, by test and prior.
Accuracies = dict[tuple[str, str], list[float]]


def to_markdown(record: Generalization) -> str:
    """The page: a table for each half that was trained on, and how it is to be read."""
    images = {half: f"{record.training_images[half]:,} train images" for half in HALVES}
    agreeing = {half: percent(record.agreeing_labels[half], 0) for half in HALVES}
    sections = [
        "# What makes a model generalize",
        f"{record.model}, {record.epochs} epochs, trained on one half of FER2013 ({record.source}) and tested on PrivateTest's "
        f"faces of both. **clear**: more than {percent(record.agreement, 0)} of FER+'s raters chose one expression "
        f"({images['clear']}, {agreeing['clear']} with FER2013's label the same); **ambiguous**: the others "
        f"({images['ambiguous']}, {agreeing['ambiguous']}). Each variant differs from `{BASE}` in one thing; the epoch "
        "is chosen on PublicTest's faces of the half that is trained on.",
        "![Change of accuracy by variant](generalization.png)",
    ]
    for half in HALVES:
        table = accuracies(record.rows, half)
        sections += [f"## Trained on {half} faces", markdown_table(_columns(table), list(table))]
    sections += [
        "Accuracy, mean of the seeds and their standard deviation; the last two columns with the predictions adapted "
        "to a population in which all expressions occur alike, macro recall.",
        "\n".join(f"- **{test}**: {text}." for test, text in TESTS.items()),
        f"`python -m benchmarks generalization --epochs {record.epochs}` trains and measures it again; all figures are in "
        "`generalization.csv`.",
    ]
    return "\n\n".join(sections) + "\n"


def accuracies(rows: Sequence[GeneralizationRow], half: str, prior: str = "training") -> dict[str, dict[str, list[float]]]:
    """Accuracies by variant and test, one for each seed in the order of the rows."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if (row.half, row.prior) == (half, prior):
            found.setdefault(row.variant, {}).setdefault(row.test, []).append(row.accuracy)
    return found


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation in percent, the latter where there are two or more."""
    return percent(mean(values), 1) + (f" ± {100 * stdev(values):.1f}" if len(values) > 1 else "")


def _columns(table: dict[str, dict[str, list[float]]]) -> Columns[str]:
    def cell(test: str) -> Callable[[str], str]:
        return lambda variant: spread(table[variant][test])

    return [("variant", lambda variant: variant), *((test, cell(test)) for test in TESTS)]
