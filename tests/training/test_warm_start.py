"""A run that begins with a trained model's weights: what is taken over, what is refused, that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.inference import load_classifier

pytest.importorskip("keras")


def test_all_weights_are_taken_over() -> None:
    import keras

    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start
    from fer_zoo.zoo import artifacts_dir

    model = build_model("fernet_nano")
    warm_start(model, "fernet_nano", EXPRESSIONS)
    trained = keras.models.load_model(artifacts_dir() / "fernet_nano" / "model.keras")
    for ours, theirs in zip(model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_expressions_keep_their_own_logits() -> None:
    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start

    model = build_model("baseline_cnn", classes=8)
    before = model.get_layer("logits").get_weights()
    warm_start(model, "baseline_cnn", FERPLUS_EXPRESSIONS)
    for ours, first in zip(model.get_layer("logits").get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, first)
    seven = build_model("baseline_cnn")
    warm_start(seven, "baseline_cnn", EXPRESSIONS)
    for name in [layer.name for layer in model.layers if layer.weights and layer.name != "logits"]:
        for ours, theirs in zip(model.get_layer(name).get_weights(), seven.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_so_do_as_many_classes_with_other_names() -> None:
    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start

    model = build_model("baseline_cnn")
    before = model.get_layer("logits").get_weights()[0]
    warm_start(model, "baseline_cnn", tuple("abcdefg"))
    np.testing.assert_array_equal(model.get_layer("logits").get_weights()[0], before)


def test_the_first_part_of_a_network_keeps_its_own_logits(tmp_path: Path) -> None:
    import keras

    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start

    build_model("mobilenet_face").save(tmp_path / "whole.keras")
    model = build_model("mobilenet_face", blocks=2)
    before = model.get_layer("logits").get_weights()
    warm_start(model, str(tmp_path / "whole.keras"), EXPRESSIONS)
    for ours, first in zip(model.get_layer("logits").get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, first)
    whole = keras.models.load_model(tmp_path / "whole.keras")
    ours, theirs = (network.get_layer("conv_pw_2").get_weights() for network in (model, whole))
    np.testing.assert_array_equal(ours, theirs)

    model.save(tmp_path / "part.keras")
    with pytest.raises(UsageError, match="its layer conv_dw_3 has no weights, not "):
        warm_start(build_model("mobilenet_face"), str(tmp_path / "part.keras"), EXPRESSIONS)


def test_a_layer_between_others_is_not_left_out(tmp_path: Path) -> None:
    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start

    build_model("fernet_nano", squeeze=8).save(tmp_path / "squeeze.keras")
    with pytest.raises(UsageError, match=r"is no fernet_nano: its layer .* has .*, not no weights"):
        warm_start(build_model("fernet_nano"), str(tmp_path / "squeeze.keras"), EXPRESSIONS)


def test_another_architecture_is_refused_with_what_differs() -> None:
    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start

    with pytest.raises(UsageError, match=r"is no fernet_tiny: its layer .* has .*, not "):
        warm_start(build_model("fernet_tiny"), "fernet_nano", EXPRESSIONS)


def test_a_damaged_file_and_a_missing_one_are_named(tmp_path: Path) -> None:
    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start

    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04")
    with pytest.raises(FerZooError, match="not a Keras model that can be loaded"):
        warm_start(build_model("fernet_nano"), str(tmp_path / "broken.keras"), EXPRESSIONS)
    with pytest.raises(UsageError, match="there is no model 'absent'; `fer-zoo models` lists all"):
        warm_start(build_model("fernet_nano"), "absent", EXPRESSIONS)


@pytest.mark.slow
def test_a_run_that_hardly_moves_stays_as_good(tmp_path: Path, command, part_of_bundle) -> None:
    folder, data = tmp_path / "run", part_of_bundle(tmp_path / "tenth.zip", 10)
    options = ["--model", "fernet_nano", "--warm-start", "fernet_nano", "--epochs", 1, "--learning-rate", 1e-7]
    done = command("fer_zoo.train", *options, "--backend", "tensorflow", "--data", data, "--output", folder)
    assert done.returncode == 0, done.stderr
    test = load_dataset(str(data)).subset("test")
    shipped = (load_classifier("fernet_nano").predict_proba(test.images).argmax(1) == test.labels).mean()
    accuracy = json.loads((folder / "evaluation.json").read_text())["splits"]["test"]["accuracy"]
    assert accuracy == pytest.approx(shipped, abs=0.015)
    assert json.loads((folder / "config.json").read_text())["training"]["warm_start"] == "fernet_nano"


def test_it_excludes_pretrained_weights(tmp_path: Path, command) -> None:
    options = ["--model", "mobilenet_v2", "--warm-start", "mobilenet_v2", "--weights", "w.h5"]
    done = command("fer_zoo.train", *options, "--output", tmp_path / "run")
    assert done.returncode == 2
    assert "--warm-start and --weights exclude each other" in done.stderr
    assert not (tmp_path / "run").exists()


def test_weights_that_come_from_published_ones_do_so_after_a_warm_start_too(tmp_path: Path) -> None:
    from fer_zoo.zoo import is_fine_tuned

    (tmp_path / "config.json").write_text('{"training": {"transfer": {"weights": "face.npz"}}}')
    tuned = {"model": "mobilenet_face", "training": {"warm_start": str(tmp_path / "model.keras")}}
    assert is_fine_tuned(tuned)
    assert is_fine_tuned({"training": {"warm_start": "mobilenet_face"}})
    assert not is_fine_tuned({"training": {"warm_start": "fernet_base"}})
    assert not is_fine_tuned({"model": "fernet_nano", "training": {"warm_start": "fernet_nano"}})
    # The run it began with is gone, but its own config tells.
    (tmp_path / "config.json").unlink()
    assert not is_fine_tuned(tuned)
    assert is_fine_tuned({**tuned, "fine_tuned": True})


def test_so_do_those_of_a_member_that_an_ensemble_keeps(tmp_path: Path) -> None:
    from fer_zoo.files import sha256
    from fer_zoo.zoo import is_fine_tuned

    member = tmp_path / "members" / "face.keras"
    member.parent.mkdir()
    member.write_bytes(b"weights")
    started = {"training": {"warm_start": str(member)}}
    for tuned in (True, False):
        known = {"path": str(member), "model": "face", "weight": 1.0}
        facts = {"members": [known | {"sha256": sha256(member), "fine_tuned": tuned}]}
        (tmp_path / "config.json").write_text(json.dumps(facts))
        assert is_fine_tuned(started) == tuned


def test_a_member_that_a_clone_lacks_is_known_by_its_name(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fer_zoo.training.recipes import RECIPES
    from fer_zoo.zoo import is_fine_tuned, keras_path, run_config

    monkeypatch.chdir(tmp_path)
    assert is_fine_tuned(run_config(root / "artifacts" / "mobilenet_face_ferplus"))
    member = RECIPES["mobilenet_face_ferplus"].config.warm_start
    with pytest.raises(UsageError, match=r"members/mobilenet_face\.keras ships in no release: take it from git"):
        keras_path(member)
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    (tmp_path / member).parent.mkdir(parents=True)
    (tmp_path / member).write_bytes(b"weights")
    monkeypatch.chdir(root)
    assert keras_path(member) == tmp_path / member


def test_efficientnet_b0_starts_as_lite0_but_for_its_activation() -> None:
    import keras
    from keras import layers

    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start
    from fer_zoo.zoo import artifacts_dir

    model = build_model("efficientnet_b0")
    warm_start(model, "efficientnet_lite0", EXPRESSIONS)

    def relu6_for_swish(layer, *args, **kwargs):
        is_swish = isinstance(layer, layers.Activation) and layer.activation is keras.activations.silu
        return keras.ops.relu6(args[0]) if is_swish else layer(*args, **kwargs)

    rebuilt = keras.models.clone_model(model, call_function=relu6_for_swish)
    rebuilt.set_weights(model.get_weights())
    lite0 = keras.models.load_model(artifacts_dir() / "efficientnet_lite0" / "model.keras")
    images = load_dataset().subset("private_test").images[:16, ..., None]
    difference = np.abs(np.asarray(rebuilt(images)) - np.asarray(lite0(images)))
    # Not zero: a padded border is the mean color to one, nearly so to the other.
    assert difference.max() < 0.1
    assert difference.mean() < 0.01


def test_efficientnet_b0_with_another_stem_than_lite0_is_refused() -> None:
    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start

    with pytest.raises(UsageError, match="need the same stem"):
        warm_start(build_model("efficientnet_b0", stem="learned"), "efficientnet_lite0", EXPRESSIONS)


def test_swish_comes_near_relu_with_its_beta() -> None:
    from fer_zoo.models import build_model
    from fer_zoo.training.warm_start import warm_start
    from fer_zoo.zoo import artifacts_dir, read_keras

    images = load_dataset().subset("private_test").images[:16, ..., None]
    lite0 = np.asarray(read_keras(artifacts_dir() / "efficientnet_lite0" / "model.keras")(images))
    distances = []
    for beta in (1, 4, 50):
        model = build_model("efficientnet_b0", swish_beta=beta)
        warm_start(model, "efficientnet_lite0", EXPRESSIONS)
        distances.append(np.abs(np.asarray(model(images)) - lite0).mean())
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.05
