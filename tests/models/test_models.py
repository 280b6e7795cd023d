"""The registry, and each architecture against the zoo's contract."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from workers import answers

from fer_zoo.backend import BACKENDS
from fer_zoo.errors import UsageError
from fer_zoo.models import build_model, describe_model, list_models
from fer_zoo.models.weights import PRETRAINED


def test_every_model_is_listed_and_described() -> None:
    assert "baseline_cnn" in list_models()
    assert all(describe_model(name).endswith(".") for name in list_models())


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'vgg'; choose one of baseline_cnn, "):
        build_model("vgg")
    with pytest.raises(UsageError, match=r"'resnet_9000'; did you mean resnet50\?"):
        build_model("resnet_9000")


@dataclass(frozen=True)
class Facts:
    """What a built model is like."""

    weights: int
    input: tuple[str, tuple, str]
    output: tuple[tuple, str]
    changed: bool
    sums: np.ndarray
    names: list[str]
    layers: list[str]
    custom: list[str]


def built(name: str) -> Facts:
    """Build a model, transfer models for small images, and ask it once."""
    model = build_model(name, **({"size": 32} if name in PRETRAINED else {}))
    before = model.get_weights()
    probabilities = answers(model, np.full((3, 48, 48, 1), 127.0, "float32"))
    image = model.inputs[0]
    return Facts(
        weights=model.count_params(),
        input=(image.name, model.input_shape, str(image.dtype)),
        output=(model.output_shape, str(model.output.dtype)),
        changed=not all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)),
        sums=probabilities.sum(axis=1),
        names=[layer.name for layer in model.layers],
        layers=[type(layer).__name__ for layer in model.layers],
        custom=[type(layer).__name__ for layer in model.layers if not type(layer).__module__.startswith("keras.")],
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_models_keep_the_contract(backend: str, on_backend) -> None:
    # The large ones are built once: a minute on every further backend.
    large = {*PRETRAINED, "ensemble"} if backend != on_backend.own else set()
    for name in list_models():
        if name in large:
            continue
        facts = on_backend(backend, built, name)
        assert facts.input == ("image", (None, 48, 48, 1), "float32"), name
        assert facts.output == ((None, 7), "float32"), name
        assert facts.names[-2:] == ["logits", "probabilities"], name
        assert facts.sums == pytest.approx([1, 1, 1], abs=1e-5), name
        assert facts.custom == [], name
        assert not facts.changed, name


def test_baseline_is_the_original() -> None:
    pytest.importorskip("keras")
    facts = built("baseline_cnn")
    assert facts.weights == 128_391
    stage = ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    head = ["GlobalAveragePooling2D", "Dropout", "Dense", "Dense", "Softmax"]
    assert facts.layers == ["InputLayer", "Rescaling", *stage * 3, *head]


def test_options_of_fernet_nano() -> None:
    pytest.importorskip("keras")
    from fer_zoo.models.macs import count_macs

    plain = build_model("fernet_nano")
    assert (plain.count_params(), count_macs(plain)) == (59_895, 5_801_216)
    attentive = build_model("fernet_nano", squeeze=8)
    reduced, expanded = 32 * 4 + 4 + 128 * 16 + 16, 4 * 32 + 32 + 16 * 128 + 128
    assert attentive.count_params() == 59_895 + reduced + expanded
    assert build_model("fernet_nano", scales=True).count_params() == 59_895 + 7 * 32
    blurred = build_model("fernet_nano", blur=True)
    assert blurred.count_params() == 59_895
    assert blurred.get_layer("stem3_conv").output.shape[1:3] == (24, 24)
    assert blurred.get_layer("stem3_blur").output.shape[1:3] == (12, 12)


def test_untrained_residual_blocks_of_resnet50_pass_their_input_on() -> None:
    import keras

    model = build_model("resnet50", size=32)
    image = np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1))
    outputs = [model.get_layer(f"conv5_block{block}_out").output for block in (1, 3)]
    first, last = (answers(keras.Model(model.input, output), image) for output in outputs)
    assert np.std(first) > 0
    np.testing.assert_array_equal(last, first)


def test_mobilenet_face_of_fewer_blocks() -> None:
    pytest.importorskip("keras")
    from fer_zoo.models.macs import count_macs

    whole, cut = (build_model("mobilenet_face", blocks=blocks) for blocks in (13, 12))
    # A block has 9 weights and one pointwise row a channel, and normalizes both results.
    last = 1024 * (9 + 1024) + 2 * 4 * 1024
    assert whole.count_params() - cut.count_params() == last
    assert count_macs(whole) - count_macs(cut) == 3 * 3 * 1024 * (9 + 1024)
    with pytest.raises(UsageError, match="blocks is 14; it must be from 1 to 13"):
        build_model("mobilenet_face", blocks=14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"squeeze": "a"}, "fernet_nano's option squeeze is 'a'; it must be a whole number"),
        ({"squeeze": True}, "squeeze is True; it must be a whole number"),
        ({"dropout": "low"}, "dropout is 'low'; it must be a number"),
        ({"blur": "true"}, "blur is 'true'; it must be True or False"),
        ({"squeeze": 4096}, "fernet_nano cannot be built with squeeze=4096: .*filters"),
        ({"dropout": 2}, "fernet_nano cannot be built with dropout=2: "),
        ({"classes": -1}, "fernet_nano cannot be built with classes=-1: "),
    ],
)
def test_impossible_options_are_refused_in_a_sentence(options: dict, message: str) -> None:
    pytest.importorskip("keras")
    with pytest.raises(UsageError, match=message):
        build_model("fernet_nano", **options)


def test_a_pretrained_model_for_other_classes_keeps_all_but_its_last_layer() -> None:
    pytest.importorskip("keras")
    trained, other = build_model("fernet_nano", pretrained=True), build_model("fernet_nano", pretrained=True, classes=8)
    assert (trained.name, other.name) == ("fernet_nano", "fernet_nano")
    assert (trained.output_shape, other.output_shape) == ((None, 7), (None, 8))
    assert [layer.name for layer in other.layers] == [layer.name for layer in trained.layers]
    *before, kernel, bias = trained.get_weights()
    *after, new_kernel, new_bias = other.get_weights()
    assert all(np.array_equal(one, same) for one, same in zip(before, after, strict=True))
    assert (kernel.shape, new_kernel.shape, bias.shape, new_bias.shape) == ((128, 7), (128, 8), (7,), (8,))
    assert not new_bias.any()


@pytest.mark.parametrize("pretrained", [False, True])
def test_a_model_for_labels_of_ones_own(pretrained: bool) -> None:
    pytest.importorskip("keras")
    model = build_model("fernet_nano", pretrained=pretrained, classes=3)
    assert (model.name, model.output_shape) == ("fernet_nano", (None, 3))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet50", {"pretrained": True}, "resnet50 has no trained weights"),
        ("fernet_base_ferplus", {}, "is a trained model, not an architecture; pass pretrained=True"),
        ("fernet_nano", {"pretrained": True, "dropout": 0.2}, "'dropout' cannot be chosen for a pretrained model"),
        (
            "fernet_nano",
            {"pretrained": True, "classes": "five"},
            "classes is 'five'; it must be a whole number above 0",
        ),
        ("fernet_nano", {"pretrained": True, "classes": 0}, "classes is 0; it must be a whole number above 0"),
        ("nonsense", {"pretrained": True}, "there is no model 'nonsense'"),
        (None, {}, "there is no architecture None"),
    ],
)
def test_impossible_requests_are_told_in_a_sentence(name: str, options: dict, message: str) -> None:
    pytest.importorskip("keras")
    with pytest.raises(UsageError, match=message):
        build_model(name, **options)
