"""Trained Keras models by name or path."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.zoo import load_model, original_path, trained_models

keras = pytest.importorskip("keras")


def test_a_name_and_its_path_load_the_same_model() -> None:
    by_name, by_path = load_model("fernet_nano"), load_model(original_path("fernet_nano") or "")
    assert [layer.name for layer in by_name.layers[-2:]] == ["logits", "probabilities"]
    for one, other in zip(by_name.get_weights(), by_path.get_weights(), strict=True):
        assert (one == other).all()


def test_every_keras_file_that_ships_loads() -> None:
    shipped = [model for model in trained_models() if model.files[0].shipped and model.params < 200_000]
    assert [load_model(model.name).count_params() for model in shipped] == [model.params for model in shipped]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("fernet_tinny", r"no model 'fernet_tinny'; did you mean fernet_tiny, "),
        ("fernet_ensemble", r"fernet_ensemble:keras:fp32 is not on this machine; .*`python -m export fernet_ensemble`"),
        ("fernet_tiny:onnx:int8", "is no Keras model; load_classifier runs ONNX"),
        ("runs/none/model.keras", "there is no file runs/none/model.keras"),
        (None, "a model must be a name or the path of a .keras file, not NoneType"),
    ],
)
def test_what_is_no_model_is_told_in_a_sentence(model: str, message: str) -> None:
    if model == "fernet_ensemble" and (original_path(model, absent=True) or Path()).is_file():
        pytest.skip("it has been made here")
    with pytest.raises(UsageError, match=message):
        load_model(model)


def test_a_file_for_a_newer_keras_names_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise TypeError("unexpected keyword argument 'input_axes'")

    monkeypatch.setattr(keras.models, "load_model", refuse)
    monkeypatch.setattr(keras, "__version__", "3.8.0")
    with pytest.raises(FerZooError, match=r"model.keras needs Keras 3\.1\d, this is 3\.8\.0; run `pip install"):
        load_model("fernet_nano")
    monkeypatch.setattr(keras, "__version__", "99.0.0")
    with pytest.raises(FerZooError, match="is not a Keras model that can be loaded: unexpected keyword"):
        load_model("fernet_nano")
