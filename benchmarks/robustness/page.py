"""`robustness.csv`, `robustness.md` and the plots beside `robustness.json`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.files import atomic_path, write_text

from ..report.tables import markdown_table, number, percent, plural
from .corruptions import CORRUPTIONS, SEVERITIES
from .measure import Measured
from .plot import plot_calibration, plot_curves, plot_examples, plot_faces, plot_mean, plot_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]

_PLOTS = ("robustness", "robustness_curves", "corruptions", "calibration", "confused_pairs", "confused_faces")


def write_robustness(folder: Path, measured: Measured) -> None:
    """Write the table, the page and the plots beside `robustness.json`."""
    report = measured.report
    face = int(measured.probabilities[report["rows"][0]["name"]].max(1).argmax())
    best = max(_ours(report) or report["rows"], key=_accuracy)
    faces = plot_faces(
        measured.images,
        measured.labels,
        measured.probabilities[best["name"]],
        best["pairs"],
        measured.shares,
        best["name"],
    )
    figures: dict[str, Figure | None] = {
        "robustness": plot_mean(report),
        "robustness_curves": plot_curves(report),
        "corruptions": plot_examples(measured.images, face),
        "calibration": plot_calibration(report),
        "confused_pairs": plot_pairs(report),
        "confused_faces": faces,
    }
    for name, figure in figures.items():
        target = folder / f"{name}.png"
        if figure is None:
            target.unlink(missing_ok=True)
            continue
        with atomic_path(target) as path:
            figure.savefig(path, dpi=130)
    write_text(folder / "robustness.csv", _csv(report))
    write_text(folder / "robustness.md", to_markdown(report, [name for name, figure in figures.items() if figure]))


def _csv(report: Row) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "family", "precision", "corruption", "severity", "accuracy"])
    for row in report["rows"]:
        facts = [row["name"], row["family"], row["precision"]]
        writer.writerow([*facts, "clean", 0, row["clean_accuracy"]])
        for corruption, values in row["corrupted_accuracy"].items():
            writer.writerows([*facts, corruption, s, value] for s, value in zip(SEVERITIES, values, strict=True))
    return text.getvalue()


def to_markdown(report: Row, plots: list[str]) -> str:
    """The page; `plots` are the names of the pictures that exist."""
    data = report["data"]
    sections = [
        "# Robustness, calibration and confused pairs",
        f"Measured {report['finished']}, commit {report['machine']['commit'] or '-'}, on {data['n']:,} labelled images "
        f"of {data['source']}. Accuracies do not depend on the speed or load of the machine.",
        _data(data),
        "## Summary",
        _summary(report),
        "**mean corrupted**: mean accuracy over fifteen corruptions in five severities"
        + _subset(report)
        + f". **mCE**: mean over the corruptions of the error divided by that of {report['base'] or 'the base'}; below "
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
        _answers(report),
        _pairs(report),
        _picture("confused_pairs", "Confused pairs", plots),
        _picture("confused_faces", "The surest mistakes", plots),
        _contempt(report),
    ]
    if report["left_out"]:
        sections += ["## Left out", "\n".join(f"- {sentence}" for sentence in report["left_out"])]
    return "\n\n".join(section for section in sections if section) + "\n"


def _data(data: Row) -> str:
    sentences = []
    if data.get("absent"):
        names = ", ".join(data["absent"])
        sentences.append(f"It has no image of {names}: a model that answers so is wrong, and means leave them out.")
    if data.get("contempt"):
        sentences.append(
            f"{plural(data['contempt'], 'image')} labelled contempt are in no figure but the table at the end: "
            "no model here can answer that."
        )
    for name, count in data.get("left_out", {}).items():
        sentences.append(f"{plural(count, 'image')} labelled {name} left out.")
    if data.get("unreadable"):
        sentences.append(f"{plural(data['unreadable'], 'image')} could not be read or showed no face.")
    return " ".join(sentences)


def _subset(report: Row) -> str:
    count, whole = report["corrupted_images"], report["data"]["n"]
    if count == whole:
        return ""
    return f" of {count:,} images spread evenly over the {whole:,}, whose clean accuracy is **clean, same images**"


def _summary(report: Row) -> str:
    columns = ["", "accuracy", "95 % interval", "macro-F1", "clean, same images", "mean corrupted", "mCE"]
    rows = []
    for row in sorted(report["rows"], key=lambda row: -row["mean_corruption_accuracy"]):
        evaluation = row["evaluation"]
        low, high = evaluation["accuracy_interval"]
        rows.append(
            [
                _name(row),
                percent(evaluation["accuracy"]),
                f"{100 * low:.2f} to {100 * high:.2f} %",
                percent(evaluation["macro_f1"]),
                percent(row["clean_accuracy"]),
                percent(row["mean_corruption_accuracy"]),
                percent(row.get("mce"), 1),
                percent(row.get("relative_mce"), 1),
            ]
        )
    return markdown_table([*columns, "relative mCE"], rows)


def _corruptions(report: Row) -> str:
    rows = []
    for name, (_, strengths, unit) in CORRUPTIONS.items():
        means = (sum(row["corrupted_accuracy"][name]) / len(SEVERITIES) for row in report["rows"])
        levels = ", ".join(f"{strength:g}" for strength in strengths)
        rows.append([name, *(percent(mean, 1) for mean in means), f"{levels} ({unit})"])
    return "Mean accuracy over the five severities.\n\n" + markdown_table(
        ["corruption", *(row["name"] for row in report["rows"]), "strengths"], rows
    )


def _calibration(report: Row) -> str:
    columns = ["", "ECE", "NLL"]
    votes = "ferplus" in report["rows"][0]
    if votes:
        columns += ["ECE, votes", "NLL, votes", "KL to the votes", "accuracy, votes' majority"]
    rows = []
    for row in report["rows"]:
        cells = [_name(row), percent(row["evaluation"]["ece"]), number(row["evaluation"]["nll"])]
        if votes:
            found = row["ferplus"]
            cells += [percent(found["ece"]), number(found["nll"]), number(found["kl"]), percent(found["accuracy"])]
        rows.append(cells)
    if not votes:
        return markdown_table(columns, rows)
    found = report["rows"][0]["ferplus"]
    note = (
        f"FER+ (ten raters an image, Barsoum et al. 2016) has at least half of its votes for the seven expressions in "
        f"{found['n']:,} of the {report['data']['n']:,} images; contempt, unknown and not-a-face votes are dropped and "
        "the rest made to add up to 1. Against these shares, ECE holds a model's confidence against the share of "
        f"raters who agree with it, and no NLL can be below the votes' own entropy of {number(found['entropy'])} nats. "
        f"{found['decided']:,} images have a clear majority."
    )
    return f"{note}\n\n{markdown_table(columns, rows)}"


def _classes(report: Row) -> str:
    present = [name for name in EXPRESSIONS if report["rows"][0]["evaluation"]["per_class"][name]["support"]]
    support = report["rows"][0]["evaluation"]["per_class"]
    rows = [
        [
            _name(row),
            *(
                f"{percent(values['recall'], 1)} / {percent(values['precision'], 1)}"
                for values in (row["evaluation"]["per_class"][name] for name in present)
            ),
        ]
        for row in report["rows"]
    ]
    if "raters" in report:
        recall = report["raters"]["recall"]
        rows.append(["FER+ raters' majority", *(percent(recall[name], 1) for name in present)])
    heads = [f"{name} ({int(support[name]['support']):,})" for name in present]
    return "Recall / precision.\n\n" + markdown_table(["", *heads], rows)


def _answers(report: Row) -> str:
    """What the figures say about the original project's questions, for our most accurate file."""
    best = max(_ours(report), key=_accuracy, default=None)
    if best is None:
        return ""
    lines = []
    pairs = {(pair["true"], pair["predicted"]): pair for pair in best["pairs"] if pair["support"]}
    raters = {(p["true"], p["predicted"]): p["share"] for p in report.get("raters", {}).get("pairs", ())}
    for one, other in (("fear", "sad"), ("angry", "neutral")):
        for true, predicted in ((one, other), (other, one)):
            if pair := pairs.get((true, predicted)):
                words = f"- **{true} → {predicted}**: {best['name']} takes {percent(pair['share'], 1)} of {true} for "
                words += f"{predicted} ({pair['count']:,} of {pair['support']:,})"
                if raters:
                    words += f"; the majority of FER+'s raters does so for {percent(raters[true, predicted], 1)}"
                if "raters" in pair and pair["count"]:
                    side = pair["raters"]
                    model, label = (percent(side[name] / pair["count"], 0) for name in ("model", "label"))
                    words += f"; of the model's mistakes they side with the model in {model}, with the label in {label}"
                lines.append(words + ".")
    disgust = best["evaluation"]["per_class"]["disgust"]
    if disgust["support"]:
        counts = list(best["evaluation"]["confusion"][EXPRESSIONS.index("disgust")])
        counts[EXPRESSIONS.index("disgust")] = 0
        most = max(range(len(counts)), key=counts.__getitem__)
        words = (
            f"- **disgust**: recall {percent(disgust['recall'], 1)} at precision {percent(disgust['precision'], 1)} on "
        )
        words += f"{int(disgust['support'])} images; mostly taken for {EXPRESSIONS[most]} ({counts[most]})"
        if raters:
            words += f". The raters' majority finds {percent(report['raters']['recall']['disgust'], 1)} of them"
        lines.append(words + ".")
    return "\n".join(lines)


def _pairs(report: Row) -> str:
    pairs = report["rows"][0]["pairs"]
    columns = ["", *(f"{pair['true']} → {pair['predicted']}" for pair in pairs)]
    rows = []
    for row in report["rows"]:
        cells = []
        for pair in row["pairs"]:
            low, high = pair.get("interval", (0, 0))
            cells.append(f"{percent(pair.get('share'), 1)} ({100 * low:.0f} to {100 * high:.0f})" if high else "-")
        rows.append([_name(row), *cells])
    if "raters" in report:
        rows.append(["FER+ raters' majority", *(percent(pair["share"], 1) for pair in report["raters"]["pairs"])])
    return (
        "Share of the labelled images that is taken for the other expression, with its 95 % interval.\n\n"
        + markdown_table(columns, rows)
    )


def _contempt(report: Row) -> str:
    if "contempt" not in report:
        return ""
    rows = [[name, *(f"{count:,}" for count in counts)] for name, counts in report["contempt"].items()]
    return "## What contempt is taken for\n\n" + markdown_table(["", *EXPRESSIONS], rows)


def _ours(report: Row) -> list[Row]:
    return [row for row in report["rows"] if row["family"] == "ours"]


def _name(row: Row) -> str:
    return f"**{row['name']}**" if row["family"] == "ours" else row["name"]


def _accuracy(row: Row) -> float:
    return row["evaluation"]["accuracy"]


def _picture(name: str, title: str, plots: list[str]) -> str:
    return f"![{title}]({name}.png)" if name in plots else ""
