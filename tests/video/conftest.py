from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_zoo.faces import read_photo


@pytest.fixture(scope="session")
def moving(shared) -> list[np.ndarray]:
    """A face that goes 4 pixels to the right with every frame, 12 frames of 320x256."""
    photo = read_photo(shared / "media" / "astronaut.png")[:256, 60:440]
    return [np.ascontiguousarray(photo[:, 60 - 4 * i : 380 - 4 * i]) for i in range(12)]


@pytest.fixture(scope="session")
def short_clip(moving, tmp_path_factory) -> Path:
    """`moving` as a file of 10 frames per second."""
    pytest.importorskip("av")
    from fer_zoo.video.writer import VideoWriter

    path = tmp_path_factory.mktemp("videos") / "short.mp4"
    with VideoWriter(path, 10, 320, 256) as writer:
        for number, image in enumerate(moving):
            writer.write(image, number / 10)
    return path
