"""The page of the generalization study, from its table alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean, stdev

from ...cells import percent
from ...table import Columns, markdown_table
from .measure import BASE, HALVES, TESTS
from .rows import Generalization, GeneralizationRow, PublishedRow

# One figure for each seed, by variant.
Figures = dict[str, list[float]]


def to_markdown(record: Generalization) -> str:
    """The page: the changes that each variant makes, and a table for each half that was trained on."""
    clear, ambiguous = (
        f"{record.training_images[half]:,} train images, of which {percent(record.agreeing_labels[half], 0)} have the "
        "raters' majority for a label"
        for half in HALVES
    )
    sections = [
        "# What makes a model generalize",
        f"{record.model}, {record.epochs} epochs, trained on one half of FER2013 ({record.source}) and tested on "
        f"PrivateTest's faces of both. **Clear** faces: more than {percent(record.agreement, 0)} of FER+'s raters "
        f"chose one expression ({clear}). **Ambiguous** ones: all others ({ambiguous}). Each variant differs from "
        f"`{BASE}` in one thing; the epoch is chosen on PublicTest's faces of the half that is trained on.",
        "![Change of accuracy by variant](generalization.png)",
        "## Accuracy against the same training with strong augmentation, points",
        markdown_table(_change_columns(record.rows), _variants(record.rows, BASE)),
        "Mean and standard deviation of the differences between trainings of the same seed, halves together.",
    ]
    for half in HALVES:
        rows = [row for row in record.rows if row.half == half]
        sections += [f"## Trained on {half} faces", markdown_table(_columns(rows), _variants(rows))]
    sections += [
        "Accuracy, mean and standard deviation over the seeds. **macro recall**: on the other half, in brackets with "
        "the predictions adapted to a population in which all expressions occur alike.",
        "\n".join(f"- **{test}**: {text}." for test, text in TESTS.items()),
        "## Published models",
        "PrivateTest's faces of both halves: accuracy, macro recall; in brackets with the predictions adapted to a "
        "population in which all expressions occur alike, as in posed sets. All were trained on both halves.",
        markdown_table(_PUBLISHED, _by_model(record.published)),
        f"`python -m benchmarks generalization --epochs {record.epochs}` trains and measures it again; all figures are "
        "in `generalization.csv`.",
    ]
    return "\n\n".join(sections) + "\n"


def figures(
    rows: Sequence[GeneralizationRow],
    test: str,
    prior: str = "training",
    measure: Callable[[GeneralizationRow], float] = lambda row: row.accuracy,
) -> Figures:
    """A figure of each training, in the order of the rows."""
    found: Figures = {}
    for row in rows:
        if (row.test, row.prior) == (test, prior):
            found.setdefault(row.variant, []).append(measure(row))
    return found


def _variants(rows: Sequence[GeneralizationRow], *left_out: str) -> list[str]:
    return [name for name in dict.fromkeys(row.variant for row in rows) if name not in left_out]


def _change_columns(rows: Sequence[GeneralizationRow]) -> Columns[str]:
    def cell(test: str) -> Callable[[str], str]:
        by_variant = figures(rows, test)

        def changes(variant: str) -> str:
            differences = [100 * (a - b) for a, b in zip(by_variant[variant], by_variant[BASE], strict=True)]
            return f"{mean(differences):+.1f}" + _deviation(differences)

        return changes

    return [("variant", lambda variant: variant), *((test, cell(test)) for test in TESTS)]


def _columns(rows: Sequence[GeneralizationRow]) -> Columns[str]:
    def accuracy(test: str) -> Callable[[str], str]:
        by_variant = figures(rows, test)
        return lambda variant: _spread(by_variant[variant])

    recall, adapted = (
        figures(rows, "other half", prior, lambda row: row.macro_recall) for prior in ("training", "uniform")
    )
    return [
        ("variant", lambda variant: variant),
        *((test, accuracy(test)) for test in TESTS),
        ("macro recall", lambda variant: f"{_spread(recall[variant])} ({percent(mean(adapted[variant]), 1)})"),
    ]


def _by_model(rows: Sequence[PublishedRow]) -> list[dict[tuple[str, str], PublishedRow]]:
    found: dict[str, dict[tuple[str, str], PublishedRow]] = {}
    for row in rows:
        found.setdefault(row.model, {})[row.half, row.prior] = row
    return list(found.values())


def _published_cell(
    half: str, measure: Callable[[PublishedRow], float]
) -> Callable[[dict[tuple[str, str], PublishedRow]], str]:
    return lambda rows: f"{percent(measure(rows[half, 'training']), 1)} ({percent(measure(rows[half, 'uniform']), 1)})"


def _model_cell(rows: dict[tuple[str, str], PublishedRow]) -> str:
    row = rows["clear", "training"]
    return f"**{row.model}**" if row.ours else row.model


_PUBLISHED: Columns[dict[tuple[str, str], PublishedRow]] = [
    ("model", _model_cell),
    *((f"{half}, accuracy", _published_cell(half, lambda row: row.accuracy)) for half in HALVES),
    *((f"{half}, macro recall", _published_cell(half, lambda row: row.macro_recall)) for half in HALVES),
]


def _spread(values: Sequence[float]) -> str:
    return percent(mean(values), 1) + _deviation([100 * value for value in values])


def _deviation(values: Sequence[float]) -> str:
    return f" ± {stdev(values):.1f}" if len(values) > 1 else ""
