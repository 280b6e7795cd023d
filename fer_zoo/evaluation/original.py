"""The figures that the original project published for the 7,178 test images, mostly of its baseline CNN."""

from __future__ import annotations

from typing import Any

NAME = "original baseline CNN"
N = 7178
ACCURACY = 0.593
MOBILENET_V2_ACCURACY = 0.547
PRECISION, RECALL, F1 = 0.60, 0.59, 0.59
PER_CLASS = {
    "angry": {"precision": 0.50, "recall": 0.57, "f1": 0.53, "support": 958},
    "disgust": {"precision": 0.83, "recall": 0.32, "f1": 0.46, "support": 111},
    "fear": {"precision": 0.38, "recall": 0.38, "f1": 0.38, "support": 1024},
    "happy": {"precision": 0.76, "recall": 0.82, "f1": 0.79, "support": 1774},
    "neutral": {"precision": 0.60, "recall": 0.61, "f1": 0.61, "support": 1233},
    "sad": {"precision": 0.55, "recall": 0.57, "f1": 0.56, "support": 1247},
    "surprise": {"precision": 0.77, "recall": 0.73, "f1": 0.75, "support": 831},
}


def implied_accuracy() -> float:
    """The accuracy that the published recalls add up to, 62.6 %: more than the 59.3 % published beside them."""
    return sum(row["recall"] * row["support"] for row in PER_CLASS.values()) / N


def comparable(per_class: dict[str, Any]) -> bool:
    """Whether an evaluation uses FER2013's labels, as the original's does, judged by its classes."""
    return list(per_class) == list(PER_CLASS)


def to_json() -> dict[str, Any]:
    return {
        "name": NAME,
        "n": N,
        "accuracy": ACCURACY,
        "precision": PRECISION,
        "recall": RECALL,
        "f1": F1,
        "per_class": PER_CLASS,
    }
