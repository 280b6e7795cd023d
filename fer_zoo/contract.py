"""The facial expressions: seven of FER2013, eight of FER+, in the order used everywhere, with their counts in FER2013;
and the image size. A model trained on your own images has other classes."""

from __future__ import annotations

from collections.abc import Sequence

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

EXPRESSIONS_INDONESIAN = ("Marah", "Jijik", "Takut", "Senang", "Netral", "Sedih", "Terkejut")

# FER+ (Barsoum et al., 2016) has contempt as an eighth expression.
FERPLUS_EXPRESSIONS = (*EXPRESSIONS, "contempt")

# The classes of the voice model: the expressions that EmoDB's speakers acted, all but surprise.
VOICE_EXPRESSIONS = EXPRESSIONS[:6]

# Labels by language, in the order of FERPLUS_EXPRESSIONS, which begins with the order of EXPRESSIONS.
LABELS = {"en": FERPLUS_EXPRESSIONS, "id": (*EXPRESSIONS_INDONESIAN, "Meremehkan")}

# Images per class of FER2013, in the order of EXPRESSIONS.
FER2013_COUNTS = {
    "train": (3995, 436, 4097, 7215, 4965, 4830, 3171),
    "public_test": (467, 56, 496, 895, 607, 653, 415),
    "private_test": (491, 55, 528, 879, 626, 594, 416),
    "test": (958, 111, 1024, 1774, 1233, 1247, 831),
}

IMAGE_SIZE = 48

# Weights of red, green and blue for conversion to gray, ITU-R BT.601, as in Pillow and OpenCV.
LUMA = (0.299, 0.587, 0.114)


def translated(labels: Sequence[str], language: str) -> tuple[str, ...]:
    """Translate a model's labels to a language of `LABELS`; labels without a translation stay unchanged."""
    words = dict(zip(FERPLUS_EXPRESSIONS, LABELS[language], strict=True))
    return tuple(words.get(label, label) for label in labels)
