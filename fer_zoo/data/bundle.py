"""Makes the sample that comes with the checkout: `python -m fer_zoo.data.bundle fer2013.zip --ferplus ferplus.csv`."""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from fer_zoo.console import out, run, track
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.copies import TRAIN_COPIES, pixel_hashes
from fer_zoo.data.dataset import BUNDLED, Dataset, load_dataset
from fer_zoo.data.ferplus import BUNDLED_VOTES, FERPLUS_CLASSES, join_ferplus
from fer_zoo.errors import UsageError
from fer_zoo.files import atomic_path, write_csv, write_text

SEED = 2025
TRAIN_SIZE = 2871
_TIMESTAMP = (2013, 1, 1, 0, 0, 0)


def choose_train(dataset: Dataset, size: int = TRAIN_SIZE, seed: int = SEED) -> list[str]:
    """Names of a stratified sample of train.

    Each class gets its share of `size`, rounded by the largest remainder; within a class the images whose hash of
    seed and name comes first are taken, so the choice is the same on every machine.

    Args:
        dataset: The data set with the whole train split.
        size: Number of names.
        seed: Another seed gives another sample.
    """
    train = dataset.subset("train")
    counts = np.bincount(train.labels, minlength=len(EXPRESSIONS))
    shares = counts * size / len(train)
    quotas = np.floor(shares).astype(int)
    remainders = np.argsort(quotas - shares, kind="stable")
    quotas[remainders[: size - quotas.sum()]] += 1
    chosen = []
    for label, quota in enumerate(quotas):
        names = train.names[train.labels == label].tolist()
        chosen += sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())[:quota]
    return sorted(chosen)


def write_bundle(source: Path, dataset: Dataset, target: Path) -> int:
    """Copy all test images and a tenth of train, byte for byte, into a zip that is the same on every machine.

    Returns:
        The number of images written.
    """
    names = sorted(dataset.subset("test").names.tolist()) + choose_train(dataset)
    with zipfile.ZipFile(source) as archive, atomic_path(target) as temporary:
        # If two entries have the same name, the first one is used, as in the reader.
        members = {"/".join(PurePosixPath(info.filename).parts[-3:]): info for info in reversed(archive.infolist())}
        # Stored without compression: PNG is compressed already, and deflate's output depends on the version of zlib.
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as bundle:
            for name in track(names, "Writing the sample", len(names)):
                info = zipfile.ZipInfo(name, _TIMESTAMP)
                info.create_system = 3
                info.external_attr = 0o644 << 16
                bundle.writestr(info, archive.read(members[name]))
    return len(names)


def write_votes(dataset: Dataset, ferplus: Path, target: Path) -> int:
    """Write FER+'s votes for the images of the sample, by file name.

    Returns:
        The number of images with votes.
    """
    chosen = dataset.take(np.flatnonzero((dataset.splits != "train") | np.isin(dataset.names, choose_train(dataset))))
    votes, matched = join_ferplus(chosen, ferplus)
    names = (PurePosixPath(name).stem for name in chosen.names[matched].tolist())
    rows = [
        {"image": name, **dict(zip(FERPLUS_CLASSES, row, strict=True))}
        for name, row in zip(names, votes[matched].astype(int).tolist(), strict=True)
    ]
    write_csv(target, rows)
    return len(rows)


def write_train_copies(dataset: Dataset, target: Path) -> int:
    """List the test images that have an exact copy in train, by name and by hash of their pixels.

    Returns:
        The number of such images.
    """
    train, test = dataset.subset("train"), dataset.subset("test")
    hashes = pixel_hashes(test.images)
    copied = np.isin(hashes, pixel_hashes(train.images))
    rows = sorted(
        f"{PurePosixPath(name).stem} {key}"
        for name, key in zip(test.names[copied].tolist(), hashes[copied].tolist(), strict=True)
    )
    header = "# Test images of FER2013 with an exact copy in train: name, first 16 digits of the SHA-256 of the pixels"
    write_text(target, "\n".join([header, *rows]) + "\n")
    return len(rows)


def main(arguments: list[str]) -> int | None:
    options = _parser().parse_args(arguments)
    if not zipfile.is_zipfile(options.source):
        raise UsageError(f"{options.source} is not a zip; pass the full FER2013 as a zip in the folder layout")
    dataset = load_dataset(options.source)
    train, test = int((dataset.splits == "train").sum()), int((dataset.splits != "train").sum())
    if (train, test) != (28709, 7178):
        raise UsageError(
            f"{options.source} has {train:,} train and {test:,} test images, not FER2013's 28,709 and 7,178"
        )
    count = write_bundle(options.source, dataset, options.output)
    out.print(f"{options.output}: {count:,} images, {options.output.stat().st_size / 1e6:.1f} MB")
    if options.ferplus:
        out.print(f"{options.votes}: votes for {write_votes(dataset, options.ferplus, options.votes):,} images")
    out.print(f"{options.copies}: {write_train_copies(dataset, options.copies)} test images with a copy in train")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Make the bundled sample (all test images, a stratified tenth of train) and the list of test "
        "images that are in train too, from the full FER2013.",
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="the full set as a zip in the folder layout")
    parser.add_argument(
        "--output", type=Path, default=BUNDLED, metavar="ZIP", help="default: the checkout's %(default)s"
    )
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes, of which the sample's are taken")
    parser.add_argument(
        "--votes", type=Path, default=BUNDLED_VOTES, metavar="CSV", help="where to write them (default: %(default)s)"
    )
    parser.add_argument("--copies", type=Path, default=TRAIN_COPIES, metavar="TXT", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
