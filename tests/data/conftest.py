"""A few real images of FER2013."""

from __future__ import annotations

import zipfile

import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.dataset import BUNDLED

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
