"""The report of `benchmarks crops`, made from its JSON alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fer_zoo.files import atomic_path

from .tables import percent, points

Row = dict[str, Any]

_COLORS = {
    ("box", False): "#0072b2",
    ("box", True): "#56b4e9",
    ("landmarks", False): "#d55e00",
    ("landmarks", True): "#e69f00",
}


def to_rows(report: Row) -> list[Row]:
    """One flat row for each candidate."""
    return [
        {
            f"{name}_{inner}" if isinstance(value, dict) else name: number
            for name, value in candidate.items()
            for inner, number in (value.items() if isinstance(value, dict) else [("", value)])
        }
        for candidate in report["candidates"]
    ]


def to_markdown(report: Row) -> str:
    """The page."""
    splits = report["splits"]
    photos = "photos" in report["candidates"][0]
    lines = [
        "# Which crop of a detected face is FER2013's",
        "",
        f"FER2013's crops, enlarged to {report['face_pixels']} pixels in a larger picture, found again by YuNet and "
        f"cut out again; `{report['model']}` judges. The crop is chosen on PublicTest; PrivateTest only tells whether "
        "it holds.",
        "",
        "![accuracy by margin](crops.png)",
        "",
        "| split | images | found again | accuracy of those, as given | of all |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {facts['n']:,} | {percent(facts['found'] / facts['n'])} | {percent(facts['accuracy_as_given'])} | "
        f"{percent(facts['accuracy_of_all'])} |"
        for name, facts in splits.items()
    ]
    columns = ["crop", *(f"{name}: accuracy" for name in splits), "Δ points", "same answer", "loss"]
    if photos:
        columns += ["misplacement", "unsteadiness", "p(label)"]
    lines += ["", f"| {' | '.join(columns)} |", f"| --- |{' ---: |' * (len(columns) - 1)}"]
    first = next(iter(splits))
    for candidate in sorted(report["candidates"], key=lambda c: -c[first]["accuracy"]):
        mark = "**" if is_chosen(candidate, report) else ""
        cells = [f"{mark}{name_of(candidate)}{mark}", *(percent(candidate[name]["accuracy"]) for name in splits)]
        cells += [
            points(candidate[first]["accuracy"] - splits[first]["accuracy_as_given"]),
            percent(candidate[first]["agreement"]),
            f"{candidate[first]['nll']:.3f}",
        ]
        if photos:
            values = candidate["photos"]
            share = "-" if values["probability"] is None else f"{values['probability']:.3f}"
            cells += [f"{values['misplacement']:.3f}", f"{values['unsteadiness']:.3f}", share]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", _explanation(report, photos), "", *_geometry(splits)]
    return "\n".join(lines) + "\n"


def name_of(candidate: Row) -> str:
    """In words, e.g. `1.1 x box, level eyes`."""
    unit = "box" if candidate["anchor"] == "box" else "eyes to mouth"
    shift = f", {candidate['shift']:+.2f} down" if candidate["shift"] and candidate["anchor"] == "box" else ""
    return f"{candidate['scale']:g} x {unit}{shift}{', level eyes' if candidate['upright'] else ''}"


def is_chosen(candidate: Row, report: Row) -> bool:
    return all(candidate[name] == value for name, value in report["chosen"].items())


def _explanation(report: Row, photos: bool) -> str:
    text = (
        "Bold is what `fer_zoo.faces.crop_face` does. `box` is the mean of the detected box's width and height; `level "
        "eyes` turns the picture first. `Δ points` and `same answer` compare with the images as given, `loss` is the "
        "negative log-likelihood, all three on the first split. A crop larger than FER2013's own sees stretched border "
        "here, so large margins are judged a little too hard."
    )
    if photos:
        values = report["candidates"][0]["photos"]
        text += (
            f" On {values['photos']} photos: `misplacement` is how far the middles of eyes and mouth lie from "
            "FER2013's median, as a share of the side; `unsteadiness` is how much the probabilities move (total "
            "variation) when the photo is mirrored, shrunk or tilted by up to 12°; `p(label)` is the mean probability "
            f"of the expression shown, on the {values['labelled']} of them whose expression is known."
        )
    return text


def _geometry(splits: Row) -> list[str]:
    lines = [
        "Where the detector finds things inside FER2013's crops, as shares of the side (median, and the middle half):",
        "",
    ]
    lines += ["| | " + " | ".join(splits) + " |", "| --- |" + " ---: |" * len(splits)]
    for name in next(iter(splits.values()))["geometry"]:
        cells = []
        for facts in splits.values():
            low, middle, high = facts["geometry"][name]
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return lines


def draw(report: Row, path: Path) -> None:
    """Accuracy by margin, in sides of FER2013's own crop, one line for each alignment."""
    from matplotlib.figure import Figure

    splits = report["splits"]
    figure = Figure(figsize=(5.2 * len(splits), 4.2), layout="constrained")
    for axes, (name, facts) in zip(
        figure.subplots(1, len(splits), squeeze=False, sharey=True)[0], splits.items(), strict=True
    ):
        for (anchor, upright), color in _COLORS.items():
            unit = facts["geometry"]["side_in_mean_sides_of_the_box" if anchor == "box" else "side_in_eyes_to_mouth"][1]
            line = sorted(
                (candidate["scale"] / unit, 100 * candidate[name]["accuracy"])
                for candidate in report["candidates"]
                if (candidate["anchor"], candidate["upright"]) == (anchor, upright)
                and candidate["shift"]
                == (report["chosen"]["shift"] if anchor == "box" and not upright else candidate["shift"])
            )
            label = f"{'box' if anchor == 'box' else 'eyes and mouth'}{', level eyes' if upright else ''}"
            axes.plot(*zip(*line, strict=True), "o-", color=color, markersize=4, label=label)
            if (anchor, upright) == (report["chosen"]["anchor"], report["chosen"]["upright"]):
                chosen = next(candidate for candidate in report["candidates"] if is_chosen(candidate, report))
                axes.plot(
                    chosen["scale"] / unit,
                    100 * chosen[name]["accuracy"],
                    "o",
                    markersize=11,
                    color="none",
                    markeredgecolor="black",
                    label="chosen",
                )
        axes.axhline(100 * facts["accuracy_as_given"], color="#666666", linestyle=":", label="images as given")
        axes.set_xlabel("side of the crop, median of FER2013's = 1")
        axes.set_title(f"{name}, {facts['found']:,} faces found again", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#dddddd", linewidth=0.6)
    figure.axes[0].set_ylabel("accuracy in %")
    figure.axes[-1].legend(fontsize=8, frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
