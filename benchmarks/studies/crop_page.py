"""The report of `benchmarks crops`, made from its JSON alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fer_zoo.files import atomic_path, write_csv, write_json, write_text

from ..cells import percent

Row = dict[str, Any]

_COLORS = {
    ("box", False): "#0072b2",
    ("box", True): "#56b4e9",
    ("landmarks", False): "#d55e00",
    ("landmarks", True): "#e69f00",
}


def write_report(report: Row, folder: Path) -> None:
    """Write `crops.json`, `crops.csv`, `crops.md` and `crops.png`."""
    write_json(folder / "crops.json", report)
    write_csv(folder / "crops.csv", to_rows(report))
    draw(report, folder / "crops.png")
    write_text(folder / "crops.md", to_markdown(report))


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
    columns = ["crop", *(f"{name}: accuracy" for name in splits), "same answer", "loss", "loss over the chosen"]
    if photos:
        columns += ["misplacement", "unsteadiness", "p(label)"]
    lines += ["", f"| {' | '.join(columns)} |", f"| --- |{' ---: |' * (len(columns) - 1)}"]
    first = next(iter(splits))
    for candidate in sorted(report["candidates"], key=lambda c: c[first]["loss"]):
        mark = "**" if is_chosen(candidate, report) else ""
        cells = [f"{mark}{name_of(candidate)}{mark}", *(percent(candidate[name]["accuracy"]) for name in splits)]
        cells += [
            percent(candidate[first]["agreement"]),
            f"{candidate[first]['loss']:.3f}",
            f"{candidate[first]['loss_over_chosen']:+.3f} ± {candidate[first]['loss_over_chosen_95']:.3f}",
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
        "eyes` turns the picture first. `same answer` compares with the images as given, `loss` is the negative "
        "log-likelihood and `loss over the chosen` its paired difference with a 95 % interval, all on the first split. "
        "A crop larger than FER2013's own sees stretched border here, so large margins are judged a little too hard."
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
    """Loss and accuracy by margin, in sides of FER2013's own crop, one line for each alignment."""
    from matplotlib.figure import Figure

    splits = report["splits"]
    figure = Figure(figsize=(1.6 + 4.6 * len(splits), 7), layout="constrained")
    grid = figure.subplots(2, len(splits), squeeze=False, sharex=True, sharey="row")
    for column, (name, facts) in enumerate(splits.items()):
        for axes, measure, scale in zip(grid[:, column], ("loss", "accuracy"), (1, 100), strict=True):
            for alignment, color in _COLORS.items():
                line = [candidate for candidate in report["candidates"] if _on_line(candidate, alignment, report)]
                line.sort(key=lambda candidate: candidate["scale"])
                x = [_side(candidate, facts) for candidate in line]
                axes.plot(
                    x,
                    [scale * c[name][measure] for c in line],
                    "o-",
                    color=color,
                    markersize=4,
                    label=_label(alignment),
                )
            chosen = next(candidate for candidate in report["candidates"] if is_chosen(candidate, report))
            ring = {"markersize": 11, "color": "none", "markeredgecolor": "black", "label": "chosen"}
            axes.plot(_side(chosen, facts), scale * chosen[name][measure], "o", **ring)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(color="#dddddd", linewidth=0.6)
        grid[1, column].axhline(
            100 * facts["accuracy_as_given"], color="#666666", linestyle=":", label="images as given"
        )
        grid[1, column].set_xlabel("side of the crop, median of FER2013's = 1")
        grid[0, column].set_title(f"{name}, {facts['found']:,} faces found again", fontsize=10)
    grid[0, 0].set_ylabel("loss (lower is better)")
    grid[1, 0].set_ylabel("accuracy in %")
    grid[1, -1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _on_line(candidate: Row, alignment: tuple[str, bool], report: Row) -> bool:
    """Whether a candidate differs from the others of its alignment in nothing but the margin."""
    shift = report["chosen"]["shift"]
    same = (candidate["anchor"], candidate["upright"]) == alignment
    return same and (candidate["anchor"] != "box" or candidate["shift"] == shift)


def _side(candidate: Row, facts: Row) -> float:
    unit = "side_in_mean_sides_of_the_box" if candidate["anchor"] == "box" else "side_in_eyes_to_mouth"
    return candidate["scale"] / facts["geometry"][unit][1]


def _label(alignment: tuple[str, bool]) -> str:
    anchor, upright = alignment
    return f"{'box' if anchor == 'box' else 'eyes and mouth'}{', level eyes' if upright else ''}"
