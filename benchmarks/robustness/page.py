"""`robustness.csv`, `robustness.md` and the plots beside `robustness.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.files import write_text
from fer_zoo.text import plural

from ..cells import number, percent, percent_interval
from ..drawing import save_figure
from ..table import Columns, markdown_table, write_csv
from .corruptions import CORRUPTIONS, SEVERITIES
from .measure import Measured
from .plot import plot_calibration, plot_curves, plot_examples, plot_faces, plot_mean, plot_pairs, plot_transfer
from .ranking import transfer_section
from .rows import CorruptionLine, FaceSet, RobustnessReport, RobustnessRow

_RATERS = "FER+ raters' majority"
_NAME: tuple[str, Callable[[RobustnessRow], str]] = ("", lambda row: f"**{row.name}**" if row.is_ours else row.name)


def write_robustness(folder: Path, measured: Measured) -> None:
    """Write the table, the page and the plots beside `robustness.json`."""
    report = measured.report
    face = int(measured.probabilities[report.rows[0].name].max(1).argmax())
    best = max(_ours(report) or report.rows, key=_accuracy)
    probabilities = measured.probabilities[best.name]
    figures = {
        "robustness": plot_mean(report),
        "robustness_curves": plot_curves(report),
        "corruptions": plot_examples(measured.images, face),
        "calibration": plot_calibration(report),
        "confused_pairs": plot_pairs(report),
        "confused_faces": plot_faces(
            measured.images, measured.labels, probabilities, best.pairs, measured.shares, best.name
        ),
    }
    if report.transfer:
        figures["transfer"] = plot_transfer(report, report.transfer)
    drawn = [name for name, figure in figures.items() if save_figure(folder / f"{name}.png", figure, dpi=130)]
    write_csv(folder / "robustness.csv", list(_lines(report)))
    write_csv(folder / "transfer.csv", report.transfer.rows if report.transfer else ())
    write_text(folder / "robustness.md", to_markdown(report, drawn))


def _lines(report: RobustnessReport) -> Iterator[CorruptionLine]:
    for row in report.rows:
        facts = row.name, row.subject.family, row.subject.precision
        yield CorruptionLine(*facts, "clean", 0, row.clean_accuracy)
        for corruption, values in row.corrupted_accuracy.items():
            for severity, value in zip(SEVERITIES, values, strict=True):
                yield CorruptionLine(*facts, corruption, severity, value)


def to_markdown(report: RobustnessReport, plots: list[str]) -> str:
    """The page; `plots` are the names of the pictures that exist."""
    data = report.data
    by_corruption = sorted(report.rows, key=lambda row: -row.mean_corruption_accuracy)
    transfer: list[str] = []
    if report.transfer:
        picture = _picture("transfer", "Accuracy of all models and peers, with several priors", plots)
        transfer = transfer_section(report.transfer, picture)
    sections = [
        "# Robustness, calibration and confused pairs",
        f"{data.n:,} labelled images of {data.source}, commit {report.machine.commit or '-'}, {report.finished[:10]}."
        + (f" Our models' predictions are adapted to the prior `{data.prior}`." if data.prior else ""),
        " ".join(_notes(data)),
        *transfer,
        "## Summary",
        markdown_table(_SUMMARY_COLUMNS, by_corruption),
        "**mean corrupted**: mean accuracy over fifteen corruptions in five severities"
        + _subset(report)
        + f". **mCE**: mean over the corruptions of the error divided by that of {report.base or 'the base'}; below "
        "100 % is more robust. **relative mCE**: the same for what corruption adds to a model's own clean error. Files "
        "of one model have one colour in the plots, int8 broken or dotted lines.",
        _picture("robustness", "Clean and corrupted accuracy", plots),
        "## Corruptions",
        _corruptions(report),
        _picture("robustness_curves", "Accuracy against severity", plots),
        _picture("corruptions", "The corruptions", plots),
        "## Calibration",
        _calibration(report),
        _picture("calibration", "Calibration", plots),
        "## Classes",
        _classes(report),
        "## Confused pairs",
        "\n".join(_questions_of_the_original(report)),
        _pairs(report),
        _picture("confused_pairs", "Confused pairs", plots),
        _picture("confused_faces", "The surest mistakes", plots),
        _contempt(report),
    ]
    if report.left_out:
        sections += ["## Left out", "\n".join(f"- {sentence}" for sentence in report.left_out)]
    machine = f"{report.machine.cpu}, {report.machine.os}"
    sections += [
        "## Provenance",
        f"Measured {report.finished} on {machine}. Accuracies do not depend on the speed or load of the machine.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


_SUMMARY_COLUMNS: Columns[RobustnessRow] = [
    _NAME,
    ("accuracy", lambda row: percent(row.evaluation.accuracy)),
    ("95 % interval", lambda row: percent_interval(row.evaluation.accuracy_interval)),
    ("macro-F1", lambda row: percent(row.evaluation.macro_f1)),
    ("clean, same images", lambda row: percent(row.clean_accuracy)),
    ("mean corrupted", lambda row: percent(row.mean_corruption_accuracy)),
    ("mCE", lambda row: percent(row.mce, 1)),
    ("relative mCE", lambda row: percent(row.relative_mce, 1)),
]


def _notes(data: FaceSet) -> Iterator[str]:
    """Notes on the images."""
    if data.absent:
        yield f"It has no image of {', '.join(data.absent)}: to predict so is wrong, and means leave them out."
    if data.contempt:
        yield (
            f"{plural(data.contempt, 'image')} labelled contempt are in no figure but the table at the end: no model "
            "here can predict that."
        )
    if data.left_out:
        kinds = ", ".join(f"{name} ({count:,})" for name, count in data.left_out.items())
        yield f"{plural(sum(data.left_out.values()), 'image')} of other classes or parts left out: {kinds}."
    yield from (f"{note}." for note in data.notes)


def _subset(report: RobustnessReport) -> str:
    count, whole = report.corrupted_images, report.data.n
    if count == whole:
        return ""
    return f" of {count:,} images spread evenly over the {whole:,}, whose clean accuracy is **clean, same images**"


def _corruptions(report: RobustnessReport) -> str:
    def mean(index: int) -> Callable[[str], str]:
        return lambda name: percent(sum(report.rows[index].corrupted_accuracy[name]) / len(SEVERITIES), 1)

    def strengths(name: str) -> str:
        _, values, unit = CORRUPTIONS[name]
        return f"{', '.join(f'{value:g}' for value in values)} ({unit})"

    columns: Columns[str] = [
        ("corruption", str),
        *((row.name, mean(index)) for index, row in enumerate(report.rows)),
        ("strengths", strengths),
    ]
    return "Mean accuracy over the five severities.\n\n" + markdown_table(columns, list(CORRUPTIONS))


def _calibration(report: RobustnessReport) -> str:
    columns: Columns[RobustnessRow] = [
        _NAME,
        ("ECE", lambda row: percent(row.evaluation.ece)),
        ("NLL", lambda row: number(row.evaluation.nll)),
    ]
    votes = report.rows[0].ferplus
    if votes is None:
        return markdown_table(columns, report.rows)
    columns = [
        *columns,
        ("ECE, votes", lambda row: percent(getattr(row.ferplus, "ece", None))),
        ("NLL, votes", lambda row: number(getattr(row.ferplus, "nll", None))),
        ("KL to the votes", lambda row: number(getattr(row.ferplus, "kl", None))),
        ("accuracy, votes' majority", lambda row: percent(getattr(row.ferplus, "accuracy", None))),
    ]
    note = (
        f"FER+ (ten raters an image, Barsoum et al. 2016) has at least half of its votes for the seven expressions in "
        f"{votes.n:,} of the {report.data.n:,} images; contempt, unknown and not-a-face votes are dropped and "
        "the rest made to add up to 1. Against these shares, ECE holds a model's confidence against the share of "
        f"raters who agree with it, and no NLL can be below the votes' own entropy of {number(votes.entropy)} nats. "
        f"{votes.decided:,} images have a clear majority."
    )
    return f"{note}\n\n{markdown_table(columns, report.rows)}"


# A line of a table of models that ends with FER+'s raters: its name, then its cells.
_Line = tuple[str, list[str]]


def _with_raters(headings: list[str], lines: list[_Line], raters: list[str]) -> str:
    """A table of models and, where there are any, of the raters."""
    if raters:
        lines = [*lines, (_RATERS, raters)]

    def cell(index: int) -> Callable[[_Line], str]:
        return lambda line: line[1][index]

    columns: Columns[_Line] = [
        ("", lambda line: line[0]),
        *((heading, cell(index)) for index, heading in enumerate(headings)),
    ]
    return markdown_table(columns, lines)


def _classes(report: RobustnessReport) -> str:
    support = report.rows[0].evaluation.per_class
    present = [name for name in EXPRESSIONS if support[name]["support"]]

    def cells(row: RobustnessRow) -> list[str]:
        classes = (row.evaluation.per_class[name] for name in present)
        return [f"{percent(values['recall'], 1)} / {percent(values['precision'], 1)}" for values in classes]

    headings = [f"{name} ({int(support[name]['support']):,})" for name in present]
    lines = [(_NAME[1](row), cells(row)) for row in report.rows]
    raters = [percent(report.raters.recall[name], 1) for name in present] if report.raters else []
    return "Recall / precision.\n\n" + _with_raters(headings, lines, raters)


def _pairs(report: RobustnessReport) -> str:
    def cells(row: RobustnessRow) -> list[str]:
        return [
            f"{percent(pair.share, 1)} ({100 * pair.interval[0]:.0f} to {100 * pair.interval[1]:.0f})"
            if pair.interval and pair.interval[1]
            else "-"
            for pair in row.pairs
        ]

    headings = [f"{pair.true} → {pair.predicted}" for pair in report.rows[0].pairs]
    lines = [(_NAME[1](row), cells(row)) for row in report.rows]
    raters = [percent(pair.share, 1) for pair in report.raters.pairs] if report.raters else []
    return (
        "Share of the labelled images that is taken for the other expression, with its 95 % interval.\n\n"
        + _with_raters(headings, lines, raters)
    )


def _questions_of_the_original(report: RobustnessReport) -> Iterator[str]:
    """Conclusions on the original project's questions, for our most accurate file."""
    best = max(_ours(report), key=_accuracy, default=None)
    if best is None:
        return
    pairs = {(pair.true, pair.predicted): pair for pair in best.pairs if pair.support}
    raters = {(pair.true, pair.predicted): pair.share for pair in report.raters.pairs} if report.raters else {}
    for true, predicted in (("fear", "sad"), ("sad", "fear"), ("angry", "neutral"), ("neutral", "angry")):
        pair = pairs.get((true, predicted))
        if pair is None:
            continue
        words = f"- **{true} → {predicted}**: {best.name} takes {percent(pair.share, 1)} of {true} for "
        words += f"{predicted} ({pair.count:,} of {pair.support:,})"
        if raters:
            words += f"; the majority of FER+'s raters does so for {percent(raters[true, predicted], 1)}"
        if pair.raters and pair.count:
            model, label = (percent(side / pair.count, 0) for side in (pair.raters.model, pair.raters.label))
            words += f"; of the model's mistakes they side with the model in {model}, with the label in {label}"
        yield words + "."
    disgust = best.evaluation.per_class["disgust"]
    if not disgust["support"]:
        return
    counts = dict(zip(EXPRESSIONS, best.evaluation.confusion[EXPRESSIONS.index("disgust")], strict=True))
    del counts["disgust"]
    most = max(counts, key=counts.__getitem__)
    words = f"- **disgust**: recall {percent(disgust['recall'], 1)} at precision {percent(disgust['precision'], 1)} on "
    words += f"{int(disgust['support'])} images; mostly taken for {most} ({counts[most]})"
    if report.raters:
        words += f". The raters' majority finds {percent(report.raters.recall['disgust'], 1)} of them"
    yield words + "."


def _contempt(report: RobustnessReport) -> str:
    if not report.contempt:
        return ""
    lines = [(name, [f"{count:,}" for count in counts]) for name, counts in report.contempt.items()]
    return "## What contempt is taken for\n\n" + _with_raters(list(EXPRESSIONS), lines, [])


def _ours(report: RobustnessReport) -> list[RobustnessRow]:
    return [row for row in report.rows if row.is_ours]


def _accuracy(row: RobustnessRow) -> float:
    return row.evaluation.accuracy


def _picture(name: str, title: str, plots: list[str]) -> str:
    return f"![{title}]({name}.png)" if name in plots else ""
