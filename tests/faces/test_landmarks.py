"""Landmarks of faces that are crops already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_zoo.data import load_dataset
from fer_zoo.faces import landmarks
from fer_zoo.faces.landmarks import LANDMARKS, MIRRORED, crop_landmarks


def test_they_are_found_once_and_in_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_ZOO_CACHE", str(tmp_path))
    faces = load_dataset().subset("test").take(slice(1000, 1004))
    images = np.concatenate([faces.images, np.zeros((1, 48, 48), np.uint8)])
    found = crop_landmarks(images)
    assert found.shape == (5, len(LANDMARKS), 2)
    assert np.isnan(found[4]).all()
    eyes, nose, mouth = found[:4, :2], found[:4, 2], found[:4, 3:]
    assert np.nanmean(eyes[:, 0, 0]) < np.nanmean(nose[:, 0]) < np.nanmean(eyes[:, 1, 0])
    assert np.nanmean(eyes[..., 1]) < np.nanmean(nose[:, 1]) < np.nanmean(mouth[..., 1]) < 0.9

    monkeypatch.setattr(landmarks, "FaceDetector", None)  # Searches no more.
    np.testing.assert_array_equal(crop_landmarks(images), found)
    for path in (tmp_path / "landmarks").iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(TypeError):
        crop_landmarks(images)


def test_a_mirrored_face_has_mirrored_landmarks() -> None:
    images = np.asarray(load_dataset().subset("test").images[1000:1006])
    found, mirrored = crop_landmarks(images), crop_landmarks(np.ascontiguousarray(images[..., ::-1]))
    distance = np.linalg.norm(found * [-1, 1] + [1, 0] - mirrored[:, MIRRORED], axis=-1)
    assert 48 * np.nanmedian(distance) < 2
