"""The facial expressions: seven of FER2013, eight of FER+, in the one order used everywhere, and how often FER2013 has
each. A model may have classes of somebody's own in their place."""

from __future__ import annotations

from collections.abc import Sequence

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

EXPRESSIONS_INDONESIAN = ("Marah", "Jijik", "Takut", "Senang", "Netral", "Sedih", "Terkejut")

# FER+ (Barsoum et al., 2016) let its annotators choose contempt, too.
FERPLUS_EXPRESSIONS = (*EXPRESSIONS, "contempt")

# By language, in the order of FERPLUS_EXPRESSIONS, which begins with that of EXPRESSIONS.
LABELS = {"en": FERPLUS_EXPRESSIONS, "id": (*EXPRESSIONS_INDONESIAN, "Meremehkan")}

# Images per class of FER2013, in the order of EXPRESSIONS.
FER2013_COUNTS = {
    "train": (3995, 436, 4097, 7215, 4965, 4830, 3171),
    "public_test": (467, 56, 496, 895, 607, 653, 415),
    "private_test": (491, 55, 528, 879, 626, 594, 416),
    "test": (958, 111, 1024, 1774, 1233, 1247, 831),
}

IMAGE_SIZE = 48

# Weights of red, green and blue in gray, ITU-R BT.601, as in Pillow's and OpenCV's conversions.
LUMA = (0.299, 0.587, 0.114)


def translated(labels: Sequence[str], language: str) -> tuple[str, ...]:
    """A model's labels in a language of `LABELS`; a label without a translation stays as it is."""
    words = dict(zip(FERPLUS_EXPRESSIONS, LABELS[language], strict=True))
    return tuple(words.get(label, label) for label in labels)
