"""Training on JAX computes the same on any number of devices, the last batch of an epoch among it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fer_zoo.backend import installed_backends


@pytest.mark.slow
def test_weights_and_metrics_are_those_of_one_device(tmp_path: Path) -> None:
    if "jax" not in installed_backends():
        pytest.skip("jax is not installed")
    program = Path(__file__).with_name("sharded_training.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    differences = json.loads(done.stdout)
    assert list(differences) == ["1", "2", "3", "8"]
    for devices, cases in differences.items():
        assert len(cases) == 5 * 4 + 1
        for case, difference in cases.items():
            assert difference < 2e-6, f"{case} on {devices} devices"
