"""A folder with the files that the pages speak of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.video.writer import VideoWriter

MakeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture
def workspace(made_once: MakeOnce, part_of_bundle, root: Path, tmp_path: Path) -> Path:
    """A new copy of the folder, in which a command may write."""

    def make(folder: Path) -> None:
        for name in ("artifacts", "docs"):
            (folder / name).symlink_to(root / name)
        photo = root / "docs" / "images" / "astronaut.jpg"
        (folder / "photos").mkdir()
        for path in (folder / "photo.jpg", folder / "photos" / "one.jpg"):
            shutil.copyfile(photo, path)
        _write_clip(folder / "clip.mp4", photo)
        part_of_bundle(folder / "fer2013.zip", 60)
        _write_faces(folder)
        shutil.copyfile(root / "artifacts" / "fernet_tiny" / "model.int8.onnx", folder / "model.int8.onnx")
        _write_runs(folder / "runs", root / "artifacts")

    return shutil.copytree(made_once("workspace", make), tmp_path / "workspace", symlinks=True)


def _write_clip(path: Path, photo: Path) -> None:
    pytest.importorskip("av")
    frame = np.asarray(Image.open(photo).convert("RGB").resize((256, 256)))
    with VideoWriter(path, 10, 256, 256) as video:
        for number in range(5):
            video.write(frame, number / 10)


def _write_faces(folder: Path) -> None:
    """`face.png`, and `faces/` with twelve training and three test images of each expression."""
    sample = load_dataset()
    for split, count in (("train", 12), ("test", 3)):
        part = sample.subset(split)
        for label, name in enumerate(EXPRESSIONS):
            target = folder / "faces" / split / name
            target.mkdir(parents=True)
            for number in np.flatnonzero(part.labels == label)[:count]:
                Image.fromarray(part.images[number]).save(target / f"{number}.png")
    shutil.copyfile(next((folder / "faces" / "test" / "happy").iterdir()), folder / "face.png")


def _write_runs(folder: Path, artifacts: Path) -> None:
    """A finished run, and two whose mean is better than each: fernet_nano moved one way and the opposite way."""
    import keras

    names = ("config.json", "evaluation.json", "history.csv", "history.json", "model.keras")
    for run, model in (("fernet_tiny-jax", "fernet_tiny"), ("a", "fernet_nano"), ("b", "fernet_nano")):
        (folder / run).mkdir(parents=True)
        for name in names:
            shutil.copyfile(artifacts / model / name, folder / run / name)
    (folder / "fernet_tiny-jax" / "export").mkdir()
    exported = folder / "fernet_tiny-jax" / "export" / "model.int8.onnx"
    shutil.copyfile(artifacts / "fernet_tiny" / "model.int8.onnx", exported)
    model = keras.models.load_model(artifacts / "fernet_nano" / "model.keras", compile=False)
    shipped, random = model.get_weights(), np.random.default_rng(5)
    moves = [random.normal(size=weight.shape) * np.abs(weight).mean() * (weight.ndim > 1) for weight in shipped]
    for run, far in (("a", 0.4), ("b", -0.4)):
        model.set_weights([weight + far * move for weight, move in zip(shipped, moves, strict=True)])
        model.save(folder / run / "model.keras")
