"""Write images of FER2013 in each form it is found in."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from fer_zoo.data.readers import CSV_EXPRESSIONS


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def csv_rows(files: dict[str, bytes]) -> Iterable[tuple[str, str, str]]:
    """Emotion, pixels and Usage of each image, as the official file writes them."""
    for name, content in files.items():
        _, expression, file = name.split("/")
        pixels = np.asarray(Image.open(io.BytesIO(content)))
        yield str(CSV_EXPRESSIONS.index(expression)), " ".join(map(str, pixels.ravel())), file.split("_")[0]


def write_csv(path: Path, files: dict[str, bytes]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("emotion", "pixels", "Usage"), *csv_rows(files)])
    return path


def write_icml_csv(path: Path, files: dict[str, bytes]) -> Path:
    with path.open("w", newline="") as file:
        rows = ((emotion, usage, pixels) for emotion, pixels, usage in csv_rows(files))
        csv.writer(file).writerows([("emotion", " Usage", " pixels"), *rows])
    return path
