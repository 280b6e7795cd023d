"""An ensemble is the weighted mean of its members in one portable file; fitted weights favour who is right."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.errors import UsageError
from fer_zoo.zoo import load_manifest, update_manifest

pytest.importorskip("keras")


pytestmark = pytest.mark.usefixtures("undrawn")


def test_mean_of_members_survives_saving(tmp_path: Path) -> None:
    import keras

    from fer_zoo.models.baseline_cnn import baseline_cnn
    from fer_zoo.models.ensemble import ensemble

    members = [baseline_cnn(), baseline_cnn()]
    images = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    first, second = (member.predict(images, verbose=0) for member in members)
    ensemble(members=members, weights=[3, 1]).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [layer.name for layer in loaded.layers[-2:]] == ["logits", "probabilities"]
    np.testing.assert_allclose(loaded.predict(images, verbose=0), 0.75 * first + 0.25 * second, atol=1e-6)


def test_fitted_weights_are_the_likeliest() -> None:
    from fer_zoo.models.ensemble import fit_weights

    random = np.random.default_rng(1)
    labels = random.integers(0, 7, 500)
    right = 0.1 * np.ones((500, 7)) + 0.3 * np.eye(7)[labels]
    guess = random.dirichlet(np.ones(7), 500)
    weights = fit_weights(np.stack([right, guess]), labels)
    assert weights.sum() == pytest.approx(1)

    def likelihood(share: float) -> float:
        mixed = share * right + (1 - share) * guess
        return float(np.log(mixed[np.arange(500), labels]).mean())

    best = max(np.linspace(0, 1, 1001), key=likelihood)
    assert weights[0] == pytest.approx(best, abs=2e-3)


def test_the_temperature_makes_it_surer() -> None:
    from fer_zoo.models.baseline_cnn import baseline_cnn
    from fer_zoo.models.ensemble import ensemble

    member = baseline_cnn()
    images = np.random.default_rng(2).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    squared = member.predict(images, verbose=0).astype(np.float64) ** 2
    made = ensemble(members=[member], temperature=0.5)
    np.testing.assert_allclose(made.predict(images, verbose=0), squared / squared.sum(1, keepdims=True), atol=1e-6)


def test_weights_must_fit_the_members() -> None:
    from fer_zoo.models.baseline_cnn import baseline_cnn
    from fer_zoo.models.ensemble import ensemble

    with pytest.raises(UsageError, match="as many weights"):
        ensemble(members=[baseline_cnn()], weights=[1, 2])


def test_a_missing_member_is_named(tmp_path: Path, command) -> None:
    done = command("fer_zoo.ensemble", tmp_path / "none.keras", "--output", tmp_path / "out")
    assert done.returncode == 2
    assert "there is no file" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_config_says_what_the_members_are(tmp_path: Path, command, part_of_bundle, root: Path) -> None:
    baseline = root / "artifacts" / "baseline_cnn" / "model.keras"
    (tmp_path / "tuned").mkdir()
    shutil.copyfile(root / "artifacts" / "fernet_nano" / "model.keras", tmp_path / "tuned" / "model.keras")
    (tmp_path / "tuned" / "config.json").write_text('{"training": {"transfer": {"weights": "face.npz"}}}')
    folder = tmp_path / "pair"
    models = (baseline, tmp_path / "tuned" / "model.keras")
    data = part_of_bundle(tmp_path / "tenth.zip", 10)
    done = command("fer_zoo.ensemble", *models, "--fit", "--data", data, "--output", folder)
    assert done.returncode == 0, done.stderr
    config = json.loads((folder / "config.json").read_text())
    assert config["model"] == "pair"
    assert [member["fine_tuned"] for member in config["members"]] == [False, True]
    assert sum(member["weight"] for member in config["members"]) == pytest.approx(1)
    assert min(member["weight"] for member in config["members"]) > 0.05
    assert 0.5 < config["temperature"] < 1
    assert (folder / "evaluation.json").exists()


@pytest.mark.slow
def test_the_mean_of_eight_expressions_is_held_against_the_majority(
    tmp_path: Path, command, part_of_bundle, root: Path
) -> None:
    eight = root / "artifacts" / "fernet_base_ferplus" / "model.keras"
    data = part_of_bundle(tmp_path / "part.zip", 40)
    done = command("fer_zoo.ensemble", eight, eight, "--fit", "--data", data, "--output", tmp_path / "pair")
    assert done.returncode == 0, done.stderr
    test = json.loads((tmp_path / "pair" / "evaluation.json").read_text())["splits"]["test"]
    assert 120 < test["n"] < 180
    assert test["accuracy"] > 0.8


def test_members_have_the_same_classes(tmp_path: Path, command, root: Path) -> None:
    models = [root / "artifacts" / name / "model.keras" for name in ("fernet_nano", "fernet_base_ferplus")]
    done = command("fer_zoo.ensemble", *models, "--output", tmp_path / "pair")
    assert done.returncode == 2
    assert "only models of the same classes can be combined" in done.stderr
    assert not (tmp_path / "pair").exists()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, command, part_of_bundle, root: Path) -> Path:
    """An artifacts folder with two models, and the ensemble of them without its model file."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    entries = [a for a in load_manifest() if a.format == "keras" and a.model in ("baseline_cnn", "fernet_nano")]
    for entry in entries:
        (artifacts / entry.model).mkdir()
        shutil.copyfile(root / "artifacts" / entry.path, artifacts / entry.path)
    members = [artifacts / entry.path for entry in entries]
    data = part_of_bundle(tmp_path_factory.mktemp("data") / "tenth.zip", 10)
    done = command("fer_zoo.ensemble", *members, "--weights", 2, 1, "--data", data, "--output", artifacts / "pair")
    assert done.returncode == 0, done.stderr
    made = replace(entries[0], model="pair", path="pair/model.keras", shipped=False)
    update_manifest([*entries, made], artifacts)
    (artifacts / "pair" / "model.keras").rename(artifacts / "first.keras")
    return artifacts


def test_an_ensemble_is_made_again_from_its_members(pair: Path, tmp_path: Path) -> None:
    import keras

    from fer_zoo.training.ensembling import rebuild_ensemble

    made = rebuild_ensemble(pair / "pair" / "config.json", tmp_path, pair)
    first, again = (keras.models.load_model(path, compile=False) for path in (pair / "first.keras", made))
    assert again.name == "pair"
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_member_that_was_trained_on_since_is_kept_beside_the_ensemble(pair: Path, tmp_path: Path) -> None:
    import keras

    from fer_zoo.training.ensembling import rebuild_ensemble

    artifacts = tmp_path / "artifacts"
    shutil.copytree(pair, artifacts)
    (artifacts / "pair" / "members").mkdir()
    (artifacts / "fernet_nano" / "model.keras").rename(artifacts / "pair" / "members" / "fernet_nano.keras")
    made = rebuild_ensemble(artifacts / "pair" / "config.json", tmp_path, artifacts)
    first, again = (keras.models.load_model(path, compile=False) for path in (pair / "first.keras", made))
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_member_than_it_was_made_of_is_refused(pair: Path, command, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    shutil.copytree(pair, artifacts)
    config = json.loads((artifacts / "pair" / "config.json").read_text())
    config["members"][1]["sha256"] = "0" * 64
    (artifacts / "pair" / "config.json").write_text(json.dumps(config))
    done = command("export", "pair", FER_ZOO_ARTIFACTS=str(artifacts))
    assert done.returncode == 1
    assert "pair was made of another fernet_nano than the one in" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (artifacts / "pair").glob("model*")] == []
