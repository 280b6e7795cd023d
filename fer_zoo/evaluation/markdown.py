"""Writes the text of an evaluation report in markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fer_zoo.data.training_data import SPLIT_NAMES, TrainingData
from fer_zoo.evaluation import original
from fer_zoo.evaluation.metrics import CALIBRATION_BINS, Evaluation
from fer_zoo.text import markdown_rows
from fer_zoo.zoo.artifact import task_of

_NAMES = SPLIT_NAMES | {"test": "test (all)"}
_PAIRS = 10


def to_markdown(
    title: str,
    details: dict[str, str],
    evaluations: dict[str, Evaluation],
    plots: Collection[str],
    beside_original: bool = False,
    trained_on: TrainingData | None = None,
) -> str:
    """The report as markdown, with links to the plots beside it.

    Args:
        title: Name of the model.
        details: Name and value of each fact for the head of the report.
        evaluations: Evaluations by split, `test` among them.
        plots: File names of the plots in the same folder.
        beside_original: Whether to compare with the original project's figures.
        trained_on: The model's training data; `None` if it is not recorded.
    """
    whole = evaluations["test"]

    def picture(name: str, title: str) -> str:
        return f"\n\n![{title}]({name})" if name in plots else ""

    predictions = picture("predictions.png", "A sample of the test faces with their predictions")
    pairs = picture("confused_pairs.png", "Most confused pairs with example faces")
    sections = (
        f"# Evaluation of {title}",
        _headline(whole, beside_original, trained_on),
        "\n".join(f"- {name}: {value}" for name, value in details.items()),
        _splits(evaluations, trained_on),
        _copies(evaluations),
        _classes(whole, beside_original) + picture("per_class.png", "F1 of each expression"),
        _confusion(whole) + picture("confusion.png", "Confusion matrix"),
        predictions and f"## Predictions{predictions}",
        _pairs(whole) + pairs,
        _calibration(whole) + picture("reliability.png", "Reliability"),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(whole: Evaluation, beside_original: bool, trained_on: TrainingData | None) -> str:
    low, high = whole.accuracy_interval
    change = 100 * (whole.accuracy - original.ACCURACY)
    text = (
        f"**{_percent(whole.accuracy)}** of {whole.n:,} test images are right (95 % interval {_percent(low)} to "
        f"{_percent(high)}), macro-F1 {whole.macro_f1:.3f}."
    )
    if (trained_on.task if trained_on else task_of(tuple(whole.per_class))) == "FER+":
        return f"{text} Labels are FER+'s majority, which cannot be compared with accuracy on FER2013's own."
    if not beside_original:
        return text
    return (
        f"{text} The original project published {_percent(original.ACCURACY)} on {original.N:,}: {change:+.1f} points."
    )


def _splits(evaluations: dict[str, Evaluation], trained_on: TrainingData | None) -> str:
    header = ["split", "images", "accuracy", "95 % interval", "macro precision", "macro recall", "macro-F1"]
    header += ["weighted F1", "NLL", "ECE"]
    rows = [
        (
            _NAMES[split],
            f"{e.n:,}",
            _percent(e.accuracy),
            _interval(e.accuracy_interval),
            f"{e.macro_precision:.3f}",
            f"{e.macro_recall:.3f}",
            f"{e.macro_f1:.3f}",
            f"{e.weighted_f1:.3f}",
            f"{e.nll:.3f}",
            f"{e.ece:.3f}",
        )
        for split, e in evaluations.items()
    ]
    text = f"## Splits\n\n{_table(header, rows)}"
    if trained_on and trained_on.chosen_on != "public_test":
        text += f"\n\nThe epoch was chosen on {SPLIT_NAMES[trained_on.chosen_on]}: no test image chose anything."
    elif "private_test" in evaluations:
        text += "\n\nEpochs, recipes and settings are chosen on PublicTest, so PrivateTest is the figure to quote."
    return text


def _copies(evaluations: dict[str, Evaluation]) -> str:
    rows = []
    for split, evaluation in evaluations.items():
        rest = evaluation.without_train_copies
        if rest:
            change = f"{100 * (rest['accuracy'] - evaluation.accuracy):+.2f} points"
            interval = _interval(rest["accuracy_interval"])
            rows.append((_NAMES[split], f"{rest['n']:,}", _percent(rest["accuracy"]), interval, change))
    if not rows:
        return ""
    return (
        "## Without the test images that have an exact copy in train\n\n"
        f"{_table(('split', 'images', 'accuracy', '95 % interval', 'change'), rows)}"
    )


def _classes(whole: Evaluation, beside_original: bool) -> str:
    rows = []
    header = ["expression", "images", "precision", "recall", "F1"]
    if not beside_original:
        for name, values in whole.per_class.items():
            measures = [f"{values[key]:.2f}" for key in ("precision", "recall", "f1")]
            rows.append((name, f"{values['support']:,}", *measures))
        return f"## Expressions\n\n{_table(header, rows)}"
    for name in original.PER_CLASS:
        ours, theirs = whole.per_class[name], original.PER_CLASS[name]
        measures = [f"{values[key]:.2f}" for values in (ours, theirs) for key in ("precision", "recall", "f1")]
        rows.append((name, f"{ours['support']:,}", *measures, f"{ours['f1'] - theirs['f1']:+.2f}"))
    header += ["original precision", "original recall", "original F1", "F1 change"]
    return (
        "## Expressions, beside the original\n\n"
        f"{_table(header, rows)}\n\n"
        f"The original's figures are as published; its recalls, weighted by their supports, add up to an accuracy of "
        f"{_percent(original.implied_accuracy())}, not the {_percent(original.ACCURACY)} stated beside them."
    )


def _confusion(whole: Evaluation) -> str:
    rows = [(name, *map(str, row)) for name, row in zip(whole.per_class, whole.confusion, strict=True)]
    table = _table(("label \\ prediction", *whole.per_class), rows)
    return f"## Confusion matrix\n\n{table}"


def _pairs(whole: Evaluation) -> str:
    if not whole.confused_pairs:
        return ""
    rows = [
        (pair.true, pair.predicted, f"{pair.count:,}", _percent(pair.share)) for pair in whole.confused_pairs[:_PAIRS]
    ]
    table = _table(("label", "prediction", "images", "share of the label"), rows)
    return f"## Most confused pairs\n\n{table}"


def _calibration(whole: Evaluation) -> str:
    confidence = sum(bin.count * bin.confidence for bin in whole.calibration) / whole.n
    tendency = "overconfident" if confidence > whole.accuracy else "underconfident"
    return (
        "## Calibration\n\n"
        f"ECE {whole.ece:.3f} over {CALIBRATION_BINS} bins. The mean confidence is {_percent(confidence)} at "
        f"an accuracy of {_percent(whole.accuracy)}: on the whole the model is {tendency}."
    )


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = tuple(header)
    rule = ("---", *("---:" for _ in header[1:]))
    return markdown_rows((header, rule, *rows))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"
