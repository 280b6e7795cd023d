"""The tiles of Winograd's filtering: what they compute, and for which layers they are taken."""

from __future__ import annotations

import numpy as np
import pytest
from keras import layers

from fer_zoo.training.acceleration.winograd import best_filtering, filtering, filtering_of


@pytest.mark.parametrize("tile", [3, 4])
def test_a_tile_is_the_plain_sum(tile: int) -> None:
    random = np.random.default_rng(0)
    x, kernel = random.normal(size=(tile + 2, tile + 2)), random.normal(size=(3, 3))
    scheme = filtering(tile)
    products = (scheme.kernel @ kernel @ scheme.kernel.T) * (scheme.input @ x @ scheme.input.T)
    expected = [[(x[i : i + 3, j : j + 3] * kernel).sum() for j in range(tile)] for i in range(tile)]
    np.testing.assert_allclose(scheme.output @ products @ scheme.output.T, expected, atol=1e-12)


@pytest.mark.parametrize(("size", "tile", "share"), [(24, 4, 1 / 4), (12, 4, 1 / 4), (10, 4, 0.36), (6, 3, 25 / 81)])
def test_the_tiles_of_the_fewest_products_are_taken(size: int, tile: int, share: float) -> None:
    scheme = best_filtering(size, size)
    assert (scheme.tile, scheme.share(size, size)) == (tile, pytest.approx(share))


@pytest.mark.parametrize(
    ("layer", "shape", "found"),
    [
        (layers.Conv2D(64, 3, padding="same"), (None, 24, 24, 64), (1, 4)),
        (layers.Conv2D(256, 3), (128, 8, 8, 128), (0, 3)),
        (layers.Conv2D(32, 3, padding="same"), (None, 24, 24, 64), None),
        (layers.Conv2D(64, 3, padding="same"), (None, 24, 24, 32), None),
        (layers.Conv2D(64, 3, padding="same", strides=2), (None, 24, 24, 64), None),
        (layers.Conv2D(64, 3, padding="same", dilation_rate=2), (None, 24, 24, 64), None),
        (layers.Conv2D(64, 3, padding="same", groups=2), (None, 24, 24, 64), None),
        (layers.Conv2D(64, 1), (None, 24, 24, 64), None),
        (layers.Conv2D(64, 3), (None, 4, 4, 64), None),
        (layers.Conv2D(64, 3, padding="same"), (None, None, None, 64), None),
    ],
)
def test_layers_with_something_to_save_are_found(layer: layers.Conv2D, shape: tuple, found: tuple | None) -> None:
    result = filtering_of(layer, shape)
    assert (result and (result[0], result[1].tile)) == found
