"""Checks a data set: the counts of its classes, compared with the official ones for FER2013, and damaged images."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from fer_zoo.console import err, out
from fer_zoo.contract import EXPRESSIONS, FER2013_COUNTS, IMAGE_SIZE
from fer_zoo.data.copies import pixel_hashes, train_copies
from fer_zoo.data.dataset import Dataset, bundled
from fer_zoo.data.decoded import Decoded
from fer_zoo.data.readers import open_source
from fer_zoo.files import write_json
from fer_zoo.packages import not_installed
from fer_zoo.png import save_png
from fer_zoo.tables import print_table
from fer_zoo.text import plural

_FACES = 12
_COLOURS = {"train": "#4269d0", "public_test": "#efb118", "private_test": "#ff725c", "test": "#efb118"}


@dataclass(frozen=True)
class Check:
    """The findings of a check.

    Attributes:
        source: The path that was checked.
        counts: Number of images by split and class; `test` is all test images.
        unreadable: Name and reason of each image that cannot be read.
        resized: Images that are not 48x48.
        recoloured: Images that are not 8-bit gray.
        outside: Image files that are not in the class folder of a split.
        no_images: Files that are not images.
        broken_links: Links to files that do not exist.
        duplicates: Names that a zip contains more than once.
        blank: Images whose pixels all have the same value.
        copies: Number of images minus number of distinct images: a group of three equal images counts as two copies.
        test_in_train: Test images whose exact pixels also occur in train.
        known_train_copies: Number of test images with a copy in FER2013's full train split, by the list in this
            package.
        different_labels: Groups of equal images that have more than one label, each as the names of its images.
    """

    source: str
    counts: dict[str, dict[str, int]]
    unreadable: dict[str, str]
    resized: list[str]
    recoloured: list[str]
    outside: list[str]
    no_images: list[str]
    broken_links: list[str]
    duplicates: list[str]
    blank: list[str]
    copies: int
    test_in_train: list[str]
    known_train_copies: int
    different_labels: list[list[str]]

    @property
    def is_fer2013(self) -> bool:
        """Whether the classes are FER2013's, so that the counts can be compared with the official ones."""
        return tuple(self.counts["train"]) == EXPRESSIONS

    @property
    def complete(self) -> bool:
        """Whether this is FER2013 with as many images in every class of every split as the official set has."""
        return self.is_fer2013 and all(
            tuple(self.counts[split].values()) == FER2013_COUNTS[split] for split in ("train", "test")
        )

    def to_json(self) -> dict[str, Any]:
        official = {
            split: {**dict(zip(EXPRESSIONS, numbers, strict=True)), "all": sum(numbers)}
            for split, numbers in FER2013_COUNTS.items()
        }
        return {
            "source": self.source,
            "complete": self.complete,
            "counts": {split: {**classes, "all": sum(classes.values())} for split, classes in self.counts.items()},
            **({"official_counts": official} if self.is_fer2013 else {}),
            "figures": {name: number for name, _, number in self.figures()},
            **{name: value for name, value in vars(self).items() if isinstance(value, list) or name == "unreadable"},
        }

    def figures(self) -> list[tuple[str, str, int]]:
        """Key, description and number of each finding."""
        return [
            ("unreadable", "files and folders that cannot be read", len(self.unreadable)),
            ("resized", f"images that are not {IMAGE_SIZE}x{IMAGE_SIZE}", len(self.resized)),
            ("recoloured", "images that are not 8-bit gray", len(self.recoloured)),
            ("outside", "image files in no class folder", len(self.outside)),
            ("no_images", "files that are no images", len(self.no_images)),
            ("broken_links", "links to files that do not exist", len(self.broken_links)),
            ("duplicates", "names that the zip has more than once", len(self.duplicates)),
            ("blank", "blank images (all pixels equal)", len(self.blank)),
            ("copies", "exact copies (images beyond the first of equal ones)", self.copies),
            ("test_in_train", "test images that are also in train here", len(self.test_in_train)),
            ("known_train_copies", "test images that are in FER2013's full training set", self.known_train_copies),
            ("different_labels", "groups of copies with different labels", len(self.different_labels)),
        ]


def check(path: str | Path | None = None, output: str | Path | None = None) -> Check:
    """Decode a data set without using the cache, and look for problems in it.

    Args:
        path: Path of the data set, as `load_dataset` takes it.
        output: Folder for `check.json` and `check.png`; nothing is written without it.

    Raises:
        UsageError: The path is not a data set in a known form.
        FerZooError: No image in it can be read.
    """
    source = str(bundled() if path is None else path)
    decoded = open_source(source).read()
    dataset = Dataset(
        decoded.images,
        decoded.labels,
        decoded.splits,
        decoded.names,
        source,
        fingerprint="",
        expressions=decoded.classes.names,
    )
    hashes = pixel_hashes(decoded.images)
    distinct, group, size = np.unique(hashes, return_inverse=True, return_counts=True)
    is_train = decoded.splits == "train"
    disputed = [
        members
        for members in (np.flatnonzero(group == index) for index in np.flatnonzero(size > 1))
        if len(np.unique(decoded.labels[members])) > 1
    ]
    result = Check(
        source=source,
        counts=_counts(decoded),
        unreadable=dict(decoded.unreadable),
        resized=list(decoded.resized),
        recoloured=list(decoded.recoloured),
        outside=list(decoded.outside),
        no_images=list(decoded.no_images),
        broken_links=list(decoded.broken_links),
        duplicates=list(decoded.duplicates),
        blank=decoded.names[np.ptp(decoded.images.reshape(len(hashes), -1), axis=1) == 0].tolist(),
        copies=len(hashes) - len(distinct),
        test_in_train=decoded.names[~is_train & np.isin(hashes, hashes[is_train])].tolist(),
        known_train_copies=int(train_copies(dataset).sum()),
        different_labels=[decoded.names[members].tolist() for members in disputed],
    )
    if output is not None:
        write_json(Path(output) / "check.json", result.to_json())
        if importlib.util.find_spec("matplotlib"):
            _draw(Path(output) / "check.png", decoded, result.counts, disputed)
        else:
            err.print(f"check.png was not drawn: {not_installed('matplotlib')}", markup=False)
    return result


def print_check(result: Check) -> None:
    """Print the counts and the findings as tables."""
    unmarked = sum(result.counts["test"].values()) - sum(
        sum(result.counts[split].values()) for split in ("public_test", "private_test")
    )
    splits = ["train", "test"] if unmarked else list(FER2013_COUNTS)
    note = ", beside the official number where it differs" if result.is_fer2013 else ""
    out.print(f"Images in {result.source}{note}", markup=False)
    table = Table()
    table.add_column("class")
    for split in splits:
        table.add_column(split, justify="right")
    numbers = {split: list(result.counts[split].values()) for split in splits}
    official = {split: list(FER2013_COUNTS[split]) if result.is_fer2013 else numbers[split] for split in splits}
    for label, name in enumerate(result.counts["train"]):
        table.add_row(escape(name), *(_compared(numbers[split][label], official[split][label]) for split in splits))
    table.add_section()
    table.add_row("all", *(_compared(sum(numbers[split]), sum(official[split])) for split in splits))
    print_table(table)
    findings = Table("finding", "number", show_header=False)
    findings.columns[1].justify = "right"
    for _, description, number in result.figures():
        findings.add_row(description, f"{number:,}")
    print_table(findings)
    for name, reason in list(result.unreadable.items())[:5]:
        out.print(f"{name} {reason}", markup=False)
    if unmarked and result.is_fer2013:
        out.print(f"{plural(unmarked, 'test image')} without PublicTest_ or PrivateTest_ in the name: one test split")
    if result.is_fer2013:
        out.print(
            "Every class has its official number of images." if result.complete else "This is not the complete FER2013."
        )


def _compared(number: int, official: int) -> str:
    return f"{number:,}" if number == official else f"[yellow]{number:,}[/yellow] / {official:,}"


def _counts(decoded: Decoded) -> dict[str, dict[str, int]]:
    counts = {}
    for split in FER2013_COUNTS:
        chosen = decoded.splits != "train" if split == "test" else decoded.splits == split
        per_class = np.bincount(decoded.labels[chosen], minlength=len(decoded.classes.names))
        counts[split] = dict(zip(decoded.classes.names, per_class.tolist(), strict=True))
    return counts


def _draw(path: Path, decoded: Decoded, counts: dict[str, dict[str, int]], disputed: list[np.ndarray]) -> None:
    """Draw the share of each class per split, faces of each class in the same row, and equal images with different
    labels."""
    from matplotlib.figure import Figure

    names = decoded.classes.names
    classes = len(names)
    marked = sum(counts["public_test"].values()) + sum(counts["private_test"].values())
    all_marked = marked == sum(counts["test"].values())
    candidates = ("train", "public_test", "private_test") if all_marked else ("train", "test")
    splits = [split for split in candidates if any(counts[split].values())]
    cell, left, bars, gap, bottom, top = 0.85, 0.95, 5.2, 0.35, 0.75, 0.7
    strip = cell + 0.95 if disputed else 0.0
    faces = _FACES * cell
    width, height = left + bars + gap + faces + 0.2, bottom + strip + classes * cell + top

    figure = Figure(figsize=(width, height), dpi=120, facecolor="white")

    def axes(x: float, y: float, w: float, h: float) -> Any:
        return figure.add_axes((x / width, y / height, w / width, h / height))

    chart = axes(left, bottom + strip, bars, classes * cell)
    thickness = 0.8 / len(splits)
    for order, split in enumerate(splits):
        numbers = np.array(list(counts[split].values()))
        shares = 100 * numbers / numbers.sum()
        at = np.arange(classes) - 0.4 + thickness * (order + 0.5)
        chart.barh(at, shares, thickness * 0.92, color=_COLOURS[split], label=f"{split} ({numbers.sum():,})")
        for y, share, number in zip(at, shares, numbers, strict=True):
            chart.text(share + 0.3, y, f"{number:,}", va="center", fontsize=8, color="#444")
    chart.set(ylim=(classes - 0.5, -0.5), xlabel="share of the split, %  (number of images at the bar)")
    chart.set_xlim(0, chart.get_xlim()[1] * 1.08)
    chart.set_yticks(range(classes), names, fontsize=11)
    chart.tick_params(length=0)
    chart.spines[["top", "right", "left"]].set_visible(False)
    chart.xaxis.grid(color="#ddd", linewidth=0.8)
    chart.set_axisbelow(True)
    chart.legend(loc="lower right", frameon=False, fontsize=9)
    figure.text(left / width, 1 - 0.4 / height, "Classes per split", fontsize=13, weight="bold")
    figure.text((left + bars + gap) / width, 1 - 0.4 / height, "Faces of each class", fontsize=13, weight="bold")

    random = np.random.default_rng(0)
    grid = []
    for label in range(classes):
        members = np.flatnonzero(decoded.labels == label)
        grid.append(random.permutation(members)[:_FACES])
    _mosaic(axes(left + bars + gap, bottom + strip, faces, classes * cell), decoded.images, grid)

    if disputed:
        groups = disputed[:_FACES]
        number = f"{len(groups)} of {len(disputed)} groups" if len(disputed) > len(groups) else f"{len(disputed)}"
        title = f"Equal images with different labels ({number})"
        figure.text(left / width, (strip - 0.05) / height, title, fontsize=13, weight="bold")
        for order, members in enumerate(groups):
            face = axes(left + 1.3 * order, 0.5, cell, cell)
            face.imshow(decoded.images[members[0]], cmap="gray", vmin=0, vmax=255)
            labels = sorted({names[label] for label in decoded.labels[members]})
            face.set_xlabel("\n".join(labels), fontsize=8.5)
            face.set(xticks=[], yticks=[])
            face.spines[:].set_visible(False)
    save_png(figure, path)


def _mosaic(axes: Any, images: np.ndarray, rows: list[np.ndarray], gutter: int = 3) -> None:
    size = IMAGE_SIZE + 2 * gutter
    canvas = np.full((len(rows) * size, _FACES * size), 255, np.uint8)
    for y, members in enumerate(rows):
        for x, member in enumerate(members):
            top, left = y * size + gutter, x * size + gutter
            canvas[top : top + IMAGE_SIZE, left : left + IMAGE_SIZE] = images[member]
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=255, aspect="auto")
    axes.set_axis_off()
