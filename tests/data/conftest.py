"""A few real images of FER2013."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.dataset import BUNDLED
from fer_zoo.data.decoded import Decoded
from fer_zoo.data.readers import ZipSource

USAGES = ("Training", "PublicTest", "PrivateTest")


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """Two images of each class and split: 42 PNG files by name, in the order of split, class and name."""
    chosen = {}
    with zipfile.ZipFile(BUNDLED) as archive:
        names = sorted(archive.namelist())
        for usage in USAGES:
            for expression in EXPRESSIONS:
                folder = f"{'train' if usage == 'Training' else 'test'}/{expression}/"
                for name in [name for name in names if name.startswith(f"{folder}{usage}_")][:2]:
                    chosen[name] = archive.read(name)
    return chosen


@pytest.fixture
def full_set(shared: Path, made_once, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The zip with all of FER2013, whose images are decoded once for all tests that read it.

    All are of 48x48 pixels, so that none is searched for faces whatever `crop` is.
    """
    path, read = shared / "fer2013" / "fer2013.zip", ZipSource.read

    def decode(folder: Path) -> None:
        (folder / "decoded.pickle").write_bytes(pickle.dumps(read(ZipSource(path))))

    def read_once(source: ZipSource, classes: Any = None, crop: Any = "never") -> Decoded:
        if source.path != path or classes is not None:
            return read(source, classes, crop)
        return replace(pickle.loads((made_once("full-set", decode) / "decoded.pickle").read_bytes()), crop=crop)

    monkeypatch.setattr(ZipSource, "read", read_once)
    return path
