"""Options that are numbers take what is within their limits and nothing else."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from fer_zoo.option_types import not_negative, positive, positive_number


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [(positive, "12", 12), (positive_number, "0.5", 0.5), (not_negative, "0", 0.0), (not_negative, "1e-3", 0.001)],
)
def test_numbers_within_limits(kind: Callable[[str], float], text: str, value: float) -> None:
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (positive, ("0", "-1", "1.5", "", "many")),
        (positive_number, ("0", "-2", "nan", "inf", "1e9", "long")),
        (not_negative, ("-0.1", "nan", "inf", "much")),
    ],
)
def test_other_texts_are_refused(kind: Callable[[str], float], texts: tuple[str, ...]) -> None:
    for text in texts:
        with pytest.raises((ArgumentTypeError, ValueError)):
            kind(text)
