"""Damaged pictures, videos and data sets: an answer or one sentence, never another exception.

`FER_ZOO_FUZZ=100` tries a hundred times as many as the default.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fuzzing import FACTOR, answer, mutations
from make_pictures import CASES, encoded
from PIL import Image

from fer_zoo.data.readers import open_source
from fer_zoo.pictures import read_picture

# Pillow warns of damaged metadata.
pytestmark = pytest.mark.filterwarnings("ignore")

COUNT = round(100 * FACTOR)


def test_pictures() -> None:
    originals = [make() for make, _, _ in CASES.values()]
    pictures = [
        answer(lambda content=content: read_picture(content, max_pixels=2**22))
        for content in mutations(originals, 10 * COUNT, seed=0)
    ]
    read = [picture for picture in pictures if not isinstance(picture, str)]
    assert 0 < len(read) < len(pictures)
    for picture in read:
        assert picture.pixels.dtype == np.uint8
        assert picture.rgb.shape[2] == 3


def test_videos(tmp_path: Path, short_videos: list[Path]) -> None:
    from fer_zoo.video.frames import Video

    def times(path: Path) -> list[float]:
        with Video(path) as video:
            return [frame.seconds for frame in video]

    read = []
    for original in short_videos:
        path = tmp_path / f"a{original.suffix}"
        for content in mutations([original.read_bytes()], COUNT // 2, seed=1):
            path.write_bytes(content)
            seconds = answer(lambda path=path: times(path))
            read += [] if isinstance(seconds, str) else [seconds]
    assert read
    assert all(seconds == sorted(seconds) for seconds in read)


@pytest.fixture
def short_videos(tmp_path: Path) -> list[Path]:
    pytest.importorskip("av")
    from fer_zoo.video.writer import VideoWriter

    paths = [tmp_path / f"original.{suffix}" for suffix in ("mp4", "webm", "avi")]
    for path in paths:
        with VideoWriter(path, 10, 64, 48) as writer:
            for number, image in enumerate(np.random.default_rng(0).integers(0, 256, (6, 48, 64, 3), dtype=np.uint8)):
                writer.write(image, number / 10)
    return paths


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_data_sets(tmp_path: Path, compression: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for number in range(4):
            picture = Image.fromarray(np.full((48, 48), 50 * number, np.uint8))
            archive.writestr(f"train/{('happy', 'sad')[number % 2]}/{number}.png", encoded(picture, "PNG"))
    for content in mutations([file.getvalue()], COUNT // 2, seed=compression):
        (tmp_path / "a.zip").write_bytes(content)
        decoded = answer(lambda: open_source(tmp_path / "a.zip").read())
        assert isinstance(decoded, str) or decoded.images.shape[1:] == (48, 48)
