"""The photos that are timed, made of one in `docs/images`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .rows import PhotoKind

_SEED = 0

KINDS = (
    PhotoKind("12 MP", 4000, 3000),
    PhotoKind("12 MP, grain", 4000, 3000, grain=3),
    PhotoKind("640x480", 640, 480),
    PhotoKind("320x240", 320, 240),
)


def make_photo(source: Path, kind: PhotoKind, folder: Path) -> Path:
    """Write the photo of this kind as JPEG, cut from the middle of `source`; the same bytes each time."""
    with Image.open(source) as image:
        photo = ImageOps.fit(image.convert("RGB"), (kind.width, kind.height), Image.Resampling.BICUBIC)
    if kind.grain:
        noise = np.random.default_rng(_SEED).normal(0, kind.grain, (kind.height, kind.width, 1))
        photo = Image.fromarray((np.asarray(photo) + noise).round().clip(0, 255).astype(np.uint8))
    path = folder / f"{kind.name.replace(' ', '-').replace(',', '')}.jpg"
    photo.save(path, "JPEG", quality=90)
    return path
