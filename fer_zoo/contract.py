"""The facial expressions: seven of FER2013, eight of FER+, in the one order used everywhere, and how often FER2013 has
each."""

from __future__ import annotations

from fer_zoo.errors import UsageError

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


def expressions_of(classes: int) -> tuple[str, ...]:
    """The expressions of a model or of labels with so many classes: 7, FER2013's, or 8, FER+'s.

    Raises:
        UsageError: Another number.
    """
    for expressions in (EXPRESSIONS, FERPLUS_EXPRESSIONS):
        if len(expressions) == classes:
            return expressions
    raise UsageError(f"there are 7 expressions (FER2013's) or 8 (FER+'s), not {classes}")
