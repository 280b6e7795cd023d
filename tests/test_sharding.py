"""Training on JAX computes the same on any number of devices, also with a last batch that they do not divide."""

from __future__ import annotations

from pathlib import Path

import pytest
from workers import Workers


def differences_on_jax(folder: Path) -> dict[int, dict[str, float]]:
    from sharded_training import differences

    return differences(folder)


@pytest.mark.slow
def test_weights_and_metrics_are_those_of_one_device(on_backend: Workers, tmp_path: Path) -> None:
    differences = on_backend("jax", differences_on_jax, tmp_path)
    assert list(differences) == [1, 2, 3, 8]
    for devices, cases in differences.items():
        assert len(cases) == 5 * 4 + 1
        for case, difference in cases.items():
            assert difference < 2e-6, f"{case} on {devices} devices"
