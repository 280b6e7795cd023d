"""Colours of classes in pictures and plots."""

from __future__ import annotations

import numpy as np

from fer_zoo.faces.annotate import caption, class_color


def test_every_class_has_a_colour_of_its_own_however_many_there_are() -> None:
    colors = [class_color(index) for index in range(40)]
    assert len(set(colors)) == 40
    assert all(len(color) == 7 and int(color[1:], 16) >= 0 for color in colors)


def test_a_caption_names_the_most_probable_class() -> None:
    assert caption(np.array([0.2, 0.1, 0.7]), ("smile", "no smile", "mouth open")) == ("mouth open 0.70", "#cc79a7")
