"""The page of the populations, from their table alone."""

from __future__ import annotations

from collections.abc import Callable

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.inference import DEFAULT_MODEL

from ...table import Columns, markdown_table
from .rows import PRIORS, PopulationRow, Populations


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
