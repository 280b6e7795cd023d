"""The page and the plot of the crops, made of their table alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from ...cells import percent
from ...table import Columns, markdown_table
from .rows import Candidate, CropReport, CropRow, SplitFacts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {
    ("box", False): "#0072b2",
    ("box", True): "#56b4e9",
    ("landmarks", False): "#d55e00",
    ("landmarks", True): "#e69f00",
}


def to_markdown(report: CropReport) -> str:
    """The page."""
    sections = [
        "# Which crop of a detected face is FER2013's",
        f"FER2013's crops, enlarged to {report.face_pixels} pixels in a larger picture, found again by YuNet and "
        f"cut out again; `{report.model}` judges. The crop is chosen on PublicTest; PrivateTest only shows whether "
        "it holds.",
        "![accuracy by margin](crops.png)",
        markdown_table(_SPLIT_COLUMNS, list(report.splits.items())),
        markdown_table(_columns(report), sorted(report.rows, key=lambda row: row.scores[report.first].loss)),
        _explanation(report),
        "Where the detector finds things inside FER2013's crops, as shares of the side (median, and the middle half):",
        _geometry(report),
    ]
    return "\n\n".join(sections) + "\n"


_SPLIT_COLUMNS: Columns[tuple[str, SplitFacts]] = [
    ("split", lambda pair: pair[0]),
    ("images", lambda pair: f"{pair[1].n:,}"),
    ("found again", lambda pair: percent(pair[1].found / pair[1].n)),
    ("accuracy of those, as given", lambda pair: percent(pair[1].accuracy_as_given)),
    ("of all", lambda pair: percent(pair[1].accuracy_of_all)),
]


def _columns(report: CropReport) -> Columns[CropRow]:
    first = report.first

    def accuracy(split: str) -> Callable[[CropRow], str]:
        return lambda row: percent(row.scores[split].accuracy)

    def name(row: CropRow) -> str:
        return f"**{row.candidate.name}**" if row.candidate == report.chosen else row.candidate.name

    def over_chosen(row: CropRow) -> str:
        return f"{row.scores[first].loss_over_chosen:+.3f} ± {row.scores[first].loss_over_chosen_95:.3f}"

    def on_photos(field: str) -> Callable[[CropRow], str]:
        def cell(row: CropRow) -> str:
            value = getattr(row.photos, field, None)
            return "-" if value is None else f"{value:.3f}"

        return cell

    columns: Columns[CropRow] = [
        ("crop", name),
        *((f"{split}: accuracy", accuracy(split)) for split in report.splits),
        ("same prediction", lambda row: percent(row.scores[first].agreement)),
        ("loss", lambda row: f"{row.scores[first].loss:.3f}"),
        ("loss over the chosen", over_chosen),
    ]
    if report.rows[0].photos is None:
        return columns
    photos = {"misplacement": "misplacement", "unsteadiness": "unsteadiness", "p(label)": "probability"}
    return [*columns, *((heading, on_photos(field)) for heading, field in photos.items())]


def _explanation(report: CropReport) -> str:
    text = (
        "Bold is what `fer_zoo.faces.crop_face` does. `box` is the mean of the detected box's width and height; `level "
        "eyes` turns the picture first. `same prediction` compares with the images as given, `loss` is the negative "
        "log-likelihood and `loss over the chosen` its paired difference with a 95 % interval, all on the first split. "
        "A crop larger than FER2013's own sees stretched border here, so large margins are judged a little too hard."
    )
    if photos := report.rows[0].photos:
        text += (
            f" On {photos.photos} photos: `misplacement` is how far the middles of eyes and mouth lie from "
            "FER2013's median, as a share of the side; `unsteadiness` is how much the probabilities move (total "
            "variation) when the photo is mirrored, shrunk or tilted by up to 12°; `p(label)` is the mean probability "
            f"of the expression shown, on the {photos.labelled} of them whose expression is known."
        )
    return text


def _geometry(report: CropReport) -> str:
    def quartiles(split: str) -> Callable[[str], str]:
        def cell(name: str) -> str:
            low, middle, high = report.splits[split].geometry[name]
            return f"{middle:.2f} ({low:.2f} to {high:.2f})"

        return cell

    columns: Columns[str] = [("", lambda name: name.replace("_", " ")), *((s, quartiles(s)) for s in report.splits)]
    return markdown_table(columns, list(report.splits[report.first].geometry))


def plot_crops(report: CropReport) -> Figure:
    """Loss and accuracy by margin, in sides of FER2013's own crop, one line for each alignment."""
    figure = new_figure(1.6 + 4.6 * len(report.splits), 7)
    grid = figure.subplots(2, len(report.splits), squeeze=False, sharex=True, sharey="row")
    chosen = next(row for row in report.rows if row.candidate == report.chosen)
    for column, (name, facts) in enumerate(report.splits.items()):
        for axes, measure, scale in zip(grid[:, column], ("loss", "accuracy"), (1, 100), strict=True):
            for alignment, color in _COLORS.items():
                line = _line(report.rows, alignment, report.chosen.shift)
                x = [_side(row.candidate, facts) for row in line]
                y = [scale * getattr(row.scores[name], measure) for row in line]
                axes.plot(x, y, "o-", color=color, markersize=4, label=_label(*alignment))
            ring = {"markersize": 11, "color": "none", "markeredgecolor": "black", "label": "chosen"}
            axes.plot(_side(report.chosen, facts), scale * getattr(chosen.scores[name], measure), "o", **ring)
            plain_axes(axes, grid="both")
        line_of_images = {"color": "#666666", "linestyle": ":", "label": "images as given"}
        grid[1, column].axhline(100 * facts.accuracy_as_given, **line_of_images)
        grid[1, column].set_xlabel("side of the crop, median of FER2013's = 1")
        grid[0, column].set_title(f"{name}, {facts.found:,} faces found again", fontsize=10)
    grid[0, 0].set_ylabel("loss (lower is better)")
    grid[1, 0].set_ylabel("accuracy in %")
    grid[1, -1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)
    return figure


def _line(rows: Sequence[CropRow], alignment: tuple[str, bool], shift: float) -> list[CropRow]:
    """The rows of one alignment that differ in nothing but the margin, by margin."""
    same = [row for row in rows if (row.candidate.anchor, row.candidate.upright) == alignment]
    line = [row for row in same if row.candidate.anchor != "box" or row.candidate.shift == shift]
    return sorted(line, key=lambda row: row.candidate.scale)


def _side(candidate: Candidate, facts: SplitFacts) -> float:
    unit = "side_in_mean_sides_of_the_box" if candidate.anchor == "box" else "side_in_eyes_to_mouth"
    return candidate.scale / facts.geometry[unit][1]


def _label(anchor: str, upright: bool) -> str:
    return f"{'box' if anchor == 'box' else 'eyes and mouth'}{', level eyes' if upright else ''}"
