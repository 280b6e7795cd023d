"""Draws faces into a picture: a frame and a caption for each."""

from __future__ import annotations

import colorsys
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fer_zoo.errors import UsageError
from fer_zoo.faces.detector import Face
from fer_zoo.files import atomic_path

# Colours of a model's first eight classes, as many as FER+ has; colour-blind people can tell them apart, too (after
# Okabe and Ito, and Tol).
_COLORS = ("#d55e00", "#117733", "#cc79a7", "#e69f00", "#999999", "#0072b2", "#56b4e9", "#882255")
_GOLDEN_RATIO = 0.618

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def class_color(index: int) -> str:
    """The colour of a class in pictures and plots, as `#rrggbb`; every class has its own, whatever their number.

    Args:
        index: Index of the class in the model's labels.
    """
    if index < len(_COLORS):
        return _COLORS[index]
    rgb = colorsys.hls_to_rgb(index * _GOLDEN_RATIO % 1, 0.45, 0.8)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def annotate(image: np.ndarray, faces: Sequence[Face], captions: Sequence[str], colors: Sequence[str]) -> np.ndarray:
    """Draw a frame and a caption for each face.

    Args:
        image: uint8 `[h, w, 3]`, RGB.
        faces: Faces to draw frames around.
        captions: One line of text for each face.
        colors: Colour of each frame, as `#rrggbb`.

    Returns:
        An annotated copy of `image`, uint8 `[h, w, 3]`.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    thickness = max(2, round(max(picture.size) / 400))
    font = ImageFont.load_default(max(12, round(max(picture.size) / 45)))
    for face, caption, color in zip(faces, captions, colors, strict=True):
        x, y, width, height = face.box
        draw.rectangle((x, y, x + width, y + height), outline=color, width=thickness)
        pad = thickness + 1
        left, top, right, bottom = draw.textbbox((0, 0), caption, font=font)
        tag_width, tag_height = right - left + 2 * pad, bottom - top + 2 * pad
        # The caption is above the frame, or inside it if there is no room above.
        tag_x = min(max(x, 0), max(0, picture.width - tag_width))
        tag_y = y - tag_height if y >= tag_height else max(y, 0)
        draw.rectangle((tag_x, tag_y, tag_x + tag_width, tag_y + tag_height), fill=color)
        draw.text((tag_x + pad - left, tag_y + pad - top), caption, fill=_readable_on(color), font=font)
    return np.asarray(picture)


def caption(probabilities: np.ndarray, labels: Sequence[str]) -> tuple[str, str]:
    """The most probable class in words, such as `happy 0.93`, and its colour."""
    top = int(probabilities.argmax())
    return f"{labels[top]} {probabilities[top]:.2f}", class_color(top)


def save_picture(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write a picture, uint8 `[h, w, 3]`, in the format that the file name ends with.

    Raises:
        UsageError: The name does not end in .jpg, .png or .webp.
    """
    check_picture_name(path)
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, quality=92)


def check_picture_name(path: str | os.PathLike[str]) -> None:
    """Raise UsageError where `save_picture` would."""
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{path} is no name for an annotated picture: it must end in {', '.join(_SUFFIXES)}")


def _readable_on(color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
