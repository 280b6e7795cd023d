"""Training runs as a user starts them: what they leave, kill -9 and resume, same seed same weights, bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from commands import run_command

from fer_zoo.backend import BACKENDS
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.training import TrainingConfig

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def small(part_of_bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip with every fortieth image of the bundled sample."""
    return part_of_bundle(tmp_path_factory.mktemp("data") / "small.zip", 40)


def _weights(folder: Path) -> list[np.ndarray]:
    """The weights of a run's model, read without choosing a backend in this process."""
    import io

    import h5py

    with zipfile.ZipFile(folder / "model.keras") as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    found: list[np.ndarray] = []
    with h5py.File(content) as file:
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="module", params=BACKENDS)
def trained(
    request: pytest.FixtureRequest, small: Path, tmp_path_factory: pytest.TempPathFactory, command
) -> tuple[str, Path]:
    """A backend and the folder of a finished run of three epochs on it."""
    backend = request.param
    folder = tmp_path_factory.mktemp(backend) / "run"
    done = command("fer_zoo.train", *_options(small, folder, backend))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return backend, folder


def _options(data: Path, folder: Path, backend: str) -> list[str]:
    options = ["--epochs", "3", "--batch-size", "32", "--augmentation", "--class-weights", "--ema", "0.9"]
    schedule = ["--schedule", "cosine", "--warmup-epochs", "0.5", "--weight-decay", "0.001"]
    where = ["--data", str(data), "--output", str(folder), "--backend", backend]
    return [*options, *schedule, *where]


@pytest.mark.slow
def test_a_run_leaves_model_history_curves_and_evaluation(trained: tuple[str, Path]) -> None:
    backend, folder = trained
    expected = {"model.keras", "config.json", "history.csv", "history.json", "curves.png", "evaluation.json"}
    assert expected <= {path.name for path in folder.iterdir()}
    assert not [path for path in folder.iterdir() if path.name.startswith((".writing", "checkpoint"))]
    history = json.loads((folder / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert history[-1]["learning_rate"] == pytest.approx(0, abs=1e-9)
    config = json.loads((folder / "config.json").read_text())
    assert config["backend"] == backend
    assert config["weights"] == 128391
    assert TrainingConfig.load(folder / "config.json").augmentation is not None


@pytest.mark.slow
def test_killed_and_resumed_equals_never_killed(
    trained: tuple[str, Path], small: Path, tmp_path: Path, command, on_backend
) -> None:
    backend, whole = trained
    folder = tmp_path / "run"
    options = _options(small, folder, backend)
    if backend == BACKENDS[0]:
        _kill_with_a_checkpoint(options, folder)
    else:  # Starting a process for each backend is the costly part.
        on_backend(backend, _end_with_a_checkpoint, options)
    assert (folder / "checkpoint.npz").exists()
    assert not (folder / "model.keras").exists()
    done = command("fer_zoo.train", "--resume", folder, backend=backend)
    assert done.returncode == 0, done.stderr
    assert "--resume" not in json.loads((folder / "config.json").read_text())["command"]
    for a, b in zip(_weights(whole), _weights(folder), strict=True):
        np.testing.assert_array_equal(a, b)
    drop_time = [
        {k: v for k, v in e.items() if k != "seconds"} for e in json.loads((whole / "history.json").read_text())
    ]
    resumed = [
        {k: v for k, v in e.items() if k != "seconds"} for e in json.loads((folder / "history.json").read_text())
    ]
    assert resumed == drop_time


def _kill_with_a_checkpoint(options: list[str], folder: Path) -> None:
    """Start training in a process of its own, and kill it when it has written its first checkpoint."""
    call = [sys.executable, "-m", "fer_zoo.train", *options]
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / "checkpoint.npz").exists():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def _end_with_a_checkpoint(options: list[str]) -> None:
    """Train in this process up to the first checkpoint, with nothing after it."""
    from fer_zoo.training.checkpoint import Checkpoint

    save = Checkpoint.save

    def save_and_end(self: Checkpoint, *arguments: Any, **measures: Any) -> None:
        save(self, *arguments, **measures)
        raise SystemExit

    with patch.object(Checkpoint, "save", save_and_end):
        run_command("fer_zoo.train", options, {})


def test_an_occupied_output_is_not_overwritten(small: Path, tmp_path: Path, command) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.keras").touch()
    done = command("fer_zoo.train", "--output", tmp_path)
    assert done.returncode == 2
    assert "already holds a run" in done.stderr


def test_resuming_what_is_no_run_is_one_sentence(tmp_path: Path, command) -> None:
    done = command("fer_zoo.train", "--resume", tmp_path)
    assert done.returncode == 1
    assert "is not a training run" in done.stderr
    (tmp_path / "config.json").write_text("[1]")
    done = command("fer_zoo.train", "--resume", tmp_path)
    assert done.returncode == 1
    assert "is not the config of a training run" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value"), [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("ema", 1.0), ("optimizer", "lion")]
)
def test_impossible_settings_name_the_value(option: str, value: object) -> None:
    with pytest.raises(UsageError, match=str(value)):
        TrainingConfig(**{option: value})


@pytest.mark.parametrize(("warmup", "peak"), [(2.0, 5), (0.3, 3)])
def test_warm_up_takes_at_most_half_of_the_epochs(warmup: float, peak: int, on_backend) -> None:
    config = TrainingConfig(epochs=1, schedule="cosine", warmup_epochs=warmup, learning_rate=0.5)
    rates = on_backend(on_backend.own, _rates, config, 10)
    assert rates.index(pytest.approx(0.5)) == peak
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0, abs=1e-6)


def _rates(config: TrainingConfig, steps: int) -> list[float]:
    """The learning rate of each step, and the one after the last."""
    from fer_zoo.models import build_model
    from fer_zoo.training.optimizer import compiled

    optimizer = compiled(build_model("fernet_nano"), config, steps).optimizer
    rates = []
    for step in range(steps + 1):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    return rates


def test_a_set_too_small_to_hold_a_tenth_out_is_one_sentence(small: Path, tmp_path: Path, command) -> None:
    with zipfile.ZipFile(small) as source, zipfile.ZipFile(tmp_path / "tiny.zip", "w") as target:
        for name in [name for name in source.namelist() if name.startswith("train/")][::3]:
            target.writestr(name, source.read(name))
    done = command("fer_zoo.train", "--data", tmp_path / "tiny.zip", "--output", tmp_path / "run")
    assert done.returncode == 2
    assert "too few to hold a tenth out" in done.stderr
    assert "2 of each expression" in done.stderr
    assert not (tmp_path / "run").exists()


def test_seeds_leave_global_generators_alone(on_backend) -> None:
    before, first, second, after = on_backend(on_backend.own, _seeded_draws)
    assert before == after
    assert first == second


def _seeded_draws() -> tuple[object, list[float], list[float], object]:
    import random

    from fer_zoo.models import build_model
    from fer_zoo.training.seed import seeded

    def weights() -> list[float]:
        with seeded(5):
            return build_model("fernet_nano").get_weights()[0].ravel().tolist()

    return random.getstate(), weights(), weights(), random.getstate()


def test_an_impossible_option_exits_with_2(command) -> None:
    done = command("fer_zoo.train", "--epochs", "0")
    assert done.returncode == 2
    assert "epochs is 0" in done.stderr


def test_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    from fer_zoo.training.checkpoint import Checkpoint

    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(FerZooError, match="damaged"):
        Checkpoint(tmp_path, model, resume=True)
    np.savez(tmp_path / "checkpoint.npz", history="[]", variable0=np.zeros(3))
    with pytest.raises(FerZooError, match="belongs to another model or optimizer"):
        Checkpoint(tmp_path, model, resume=True)
