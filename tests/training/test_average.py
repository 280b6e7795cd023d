"""The mean of the weights of several trainings of one model: when it is written, and what it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import artifacts_dir

keras = pytest.importorskip("keras")


pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped fernet_nano moved one way, the opposite way, and far away."""
    folder = tmp_path_factory.mktemp("moved")
    model = keras.models.load_model(artifacts_dir() / "fernet_nano" / "model.keras", compile=False)
    shipped, random = model.get_weights(), np.random.default_rng(5)
    moves = [random.normal(size=weight.shape) * np.abs(weight).mean() * (weight.ndim > 1) for weight in shipped]
    for name, far in (("one", 0.3), ("other", -0.3), ("lost", 3.0)):
        model.set_weights([weight + far * move for weight, move in zip(shipped, moves, strict=True)])
        (folder / name).mkdir()
        model.save(folder / name / "model.keras")
    return folder


@pytest.fixture
def trainings(moved: Path, tmp_path: Path) -> list[Path]:
    """Copies of the three models."""
    shutil.copytree(moved, tmp_path, dirs_exist_ok=True)
    return [tmp_path / name / "model.keras" for name in ("one", "other", "lost")]


@pytest.fixture
def tenth(part_of_bundle, tmp_path: Path) -> str:
    """A tenth of the bundled sample."""
    return str(part_of_bundle(tmp_path / "tenth.zip", 10))


@pytest.mark.slow
def test_the_middle_is_better_than_its_rims_and_what_is_far_stays_out(
    trainings: list[Path], tmp_path: Path, tenth: str
) -> None:
    from fer_zoo.training.averaging import average

    (trainings[0].parent / "config.json").write_text('{"model": "fernet_nano", "command": "first"}')
    earlier = [{"path": "x", "sha256": "1", "command": "second"}, {"path": "y", "sha256": "2", "command": None}]
    (trainings[1].parent / "config.json").write_text(json.dumps({"command": "average", "averaged": earlier}))
    evaluations = average([trainings[2], *trainings[:2]], tmp_path / "mean", tenth)
    # The shipped model is in the middle, and only its logits are scaled.
    chosen = load_dataset(tenth).subset("public_test")
    shipped = load_classifier("fernet_nano:onnx:fp32").predict_proba(chosen.images).argmax(1) == chosen.labels
    assert evaluations["public_test"].accuracy == pytest.approx(shipped.mean(), abs=0.002)
    found, original = (
        keras.models.load_model(path / "model.keras", compile=False)
        for path in (tmp_path / "mean", artifacts_dir() / "fernet_nano")
    )
    for layer in original.layers:
        if layer.name != "logits":
            for one, other in zip(found.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
                np.testing.assert_allclose(one, other, atol=1e-5)
    config = json.loads((tmp_path / "mean" / "config.json").read_text())
    parts = config["averaged"]
    assert config["model"] == "fernet_nano"
    # An average that joins is recorded as the trainings that it averages.
    assert [(part["command"], part["share"]) for part in parts] == [("first", 0.5), ("second", 0.25), (None, 0.25)]


@pytest.mark.slow
def test_offsets_of_an_average_are_in_its_config_and_report(trainings: list[Path], tmp_path: Path, tenth: str) -> None:
    from fer_zoo.training.averaging import average

    (trainings[0].parent / "config.json").write_text('{"training": {"epochs": 3, "class_offsets": false}}')
    evaluations = average(trainings[:2], tmp_path / "mean", tenth, class_offsets=True)
    config = json.loads((tmp_path / "mean" / "config.json").read_text())
    assert config["training"] == {"epochs": 3, "class_offsets": True}
    assert "- offsets: angry " in (tmp_path / "mean" / "evaluation.md").read_text()
    plain = average(trainings[:2], tmp_path / "plain", tenth)
    assert evaluations["public_test"].nll < plain["public_test"].nll
    assert "- offsets" not in (tmp_path / "plain" / "evaluation.md").read_text()


def test_a_mean_is_held_calibrated_against_a_calibrated_model(
    trainings: list[Path], tmp_path: Path, tenth: str
) -> None:
    from fer_zoo.training.averaging import average

    model = keras.models.load_model(trainings[1], compile=False)
    logits = model.get_layer("logits")
    logits.set_weights([6 * weight for weight in logits.get_weights()])
    model.save(trainings[1])
    average(trainings[:2], tmp_path / "mean", tenth)
    assert len(json.loads((tmp_path / "mean" / "config.json").read_text())["averaged"]) == 2


def test_a_mean_that_is_no_better_is_not_written(trainings: list[Path], tmp_path: Path, tenth: str) -> None:
    from fer_zoo.training.averaging import average

    with pytest.raises(FerZooError, match=r"no average has a lower loss on PublicTest than .*nothing was written"):
        average([artifacts_dir() / "fernet_nano" / "model.keras", trainings[2]], tmp_path / "mean", tenth)
    assert not (tmp_path / "mean").exists()


def test_eight_expressions_are_held_against_their_own_labels(
    command, part_of_bundle, tmp_path: Path, root: Path
) -> None:
    model = root / "artifacts" / "fernet_base_ferplus" / "model.keras"
    data = part_of_bundle(tmp_path / "part.zip", 40)
    done = command("fer_zoo.average", model, model, "--output", tmp_path / "mean", "--data", data)
    assert done.returncode == 1
    loss = float(done.stdout.split("PublicTest loss ")[1].split()[0])
    assert loss < 0.5
    assert "nothing was written" in done.stderr


def test_another_architecture_and_one_model_alone_are_refused(command, tmp_path: Path, root: Path) -> None:
    nano, tiny = (root / "artifacts" / name / "model.keras" for name in ("fernet_nano", "fernet_tiny"))
    done = command("fer_zoo.average", nano, tiny, "--output", tmp_path / "mean")
    assert done.returncode == 2
    assert "is of another architecture than" in done.stderr
    done = command("fer_zoo.average", nano, "--output", tmp_path / "mean")
    assert done.returncode == 2
    assert "at least two models" in done.stderr
    shutil.copytree(nano.parent, tmp_path / "taken")
    done = command("fer_zoo.average", nano, nano, "--output", tmp_path / "taken")
    assert "already holds a model" in done.stderr
    (tmp_path / "taken" / "model.keras").unlink()
    done = command("fer_zoo.average", nano, nano, "--output", tmp_path / "taken")
    assert "is not an empty folder; choose another --output" in done.stderr
    assert not (tmp_path / "mean").exists()
