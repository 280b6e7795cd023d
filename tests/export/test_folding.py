"""Folding and preparing change no answer, on whatever backend is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_zoo.backend import installed_backends, select_backend
from fer_zoo.models import build_model


@pytest.fixture(scope="module", autouse=True)
def _keras() -> None:
    """Keras on an installed backend, without telling later tests' processes which."""
    if not installed_backends():
        pytest.skip("no Keras backend is installed")
    before = dict(os.environ)
    select_backend()
    import keras

    assert keras.backend.backend() in installed_backends()
    os.environ.clear()
    os.environ.update(before)


def randomized(model: Any, negative: bool = False) -> Any:
    """The model with weights in which every term matters: biases, statistics, scales, shifts."""
    import keras
    from keras import layers

    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
            if negative:
                layer.gamma.assign(keras.ops.convert_to_numpy(layer.gamma) * (-1) ** np.arange(layer.gamma.shape[0]))
        elif isinstance(layer, keras.Model):
            randomized(layer, negative)
        elif layer.get_weights():
            layer.set_weights([w + random.normal(size=w.shape) / 20 for w in layer.get_weights()])
    return model


def images(size: int = 48, channels: int = 1, count: int = 4) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, size, size, channels)).astype("float32")


def outputs(model: Any, batch: np.ndarray) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(model(batch, training=False))


def onnx_outputs(path: Path, batch: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"image": batch})[0]


@pytest.fixture
def on_tensorflow() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("export needs TensorFlow")


def kinds(model: Any) -> list[str]:
    from export.folding import trace

    return [type(call.operation).__name__ for call in trace(model)[0]]


def test_baseline_keeps_its_answers_and_loses_its_normalization() -> None:
    from export.folding import fold

    model = randomized(build_model("baseline_cnn"))
    before = [weight.copy() for weight in model.get_weights()]
    folded = fold(model)
    np.testing.assert_allclose(outputs(folded, images()), outputs(model, images()), atol=1e-5)
    stage = ["Conv2D", "MaxPooling2D"]
    head = ["GlobalAveragePooling2D", "Dense", "Dense", "Softmax"]
    assert kinds(folded) == [*stage, "Affine", *stage, "Affine", *stage, *head]
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_a_negative_scale_does_not_pass_through_max_pooling() -> None:
    from export.folding import fold

    model = randomized(build_model("baseline_cnn"), negative=True)
    np.testing.assert_allclose(outputs(fold(model), images()), outputs(model, images()), atol=1e-5)


def small(*middle: Any, size: int = 12, channels: int = 3) -> Any:
    import keras
    from keras import layers

    x = image = layers.Input((size, size, channels))
    for layer in middle:
        x = layer(x)
    x = layers.GlobalAveragePooling2D()(x)
    return randomized(keras.Model(image, layers.Dense(5, activation="softmax")(x)))


def _sequential(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential([layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.BatchNormalization()])


PATTERNS: dict[str, Callable[[Any], list[Any]]] = {
    "shift before padding": lambda k: [k.Rescaling(1 / 127.5, -1), k.Conv2D(4, 3, padding="same")],
    "shift without padding": lambda k: [k.Rescaling(1 / 127.5, -1), k.Conv2D(4, 3)],
    "scale of each channel": lambda k: [k.Rescaling([0.1, 0.2, 0.3], [1, 2, 3]), k.Conv2D(4, 3, padding="same")],
    "conv bn relu": lambda k: [k.Conv2D(4, 3, use_bias=False), k.BatchNormalization(), k.ReLU(), k.Conv2D(4, 1)],
    "depthwise": lambda k: [k.BatchNormalization(), k.DepthwiseConv2D(3, depth_multiplier=2), k.BatchNormalization()],
    "separable": lambda k: [k.BatchNormalization(), k.SeparableConv2D(4, 3, padding="same"), k.BatchNormalization()],
    "relu bn": lambda k: [k.SeparableConv2D(4, 3, activation="relu"), k.BatchNormalization(), k.Conv2D(4, 3)],
    "groups": lambda k: [k.Conv2D(6, 3, activation="relu"), k.BatchNormalization(), k.Conv2D(4, 3, groups=2)],
    "swish": lambda k: [k.Conv2D(4, 3, activation="swish"), k.BatchNormalization(scale=False), k.AveragePooling2D(2)],
    "pooled shortcut": lambda k: [
        k.BatchNormalization(),
        k.AveragePooling2D(2),
        k.Conv2D(4, 1),
        k.BatchNormalization(),
    ],
    "reshapes": lambda k: [k.BatchNormalization(center=False), k.MaxPooling2D(), k.Flatten(), k.Reshape((4, 9, 3))],
}


@pytest.mark.parametrize("name", [*PATTERNS, "nested"])
def test_each_pattern_keeps_its_answers(name: str) -> None:
    import keras

    from export.folding import fold

    model = small(*PATTERNS[name](keras.layers) if name in PATTERNS else [_sequential(keras)])
    batch = images(12, 3)
    np.testing.assert_allclose(outputs(fold(model), batch), outputs(model, batch), atol=1e-5)


@pytest.mark.parametrize(("offsets", "channels"), [([-1.0] * 3, 1), ([-1.0, -2.0, -3.0], 3)])
def test_a_gray_image_in_three_channels_is_one_channel_where_they_are_alike(
    offsets: list[float], channels: int
) -> None:
    import keras
    from keras import layers

    from export.folding import fold

    image = layers.Input((12, 12, 1))
    x = layers.Rescaling(1 / 100, offsets)(layers.Concatenate()([image, image, image]))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="first")(x)
    model = randomized(keras.Model(image, layers.Dense(5)(layers.Flatten()(x))))
    folded = fold(model)
    batch = images(12, 1)
    np.testing.assert_allclose(outputs(folded, batch), outputs(model, batch), atol=1e-5)
    (kernel,) = (layer.kernel.shape for layer in folded.layers if isinstance(layer, layers.Conv2D))
    assert kernel[2] == channels


def test_branches_and_shared_layers_keep_their_answers() -> None:
    import keras
    from keras import layers

    from export.folding import fold

    image = layers.Input((12, 12, 3))
    shared = layers.Conv2D(3, 3, padding="same", activation="relu")
    x = layers.BatchNormalization()(shared(layers.Rescaling(1 / 255)(image)))
    y = layers.BatchNormalization()(shared(x))
    x = layers.Concatenate()([layers.Add()([x, y]), y])
    model = randomized(keras.Model(image, layers.BatchNormalization()(layers.GlobalAveragePooling2D()(x))))
    batch = images(12, 3)
    np.testing.assert_allclose(outputs(fold(model), batch), outputs(model, batch), rtol=1e-4, atol=1e-5)


def test_rounding_to_int8_beats_the_nearest_value() -> None:
    from export.quantization import round_to_int8

    random = np.random.default_rng(0)
    inputs = random.normal(1, 1, (2000, 40)) @ random.normal(size=(40, 40))
    weights = random.normal(size=(16, 40))
    rounded = round_to_int8(weights, inputs.T @ inputs / len(inputs))
    scale = np.abs(weights).max(1, keepdims=True) / 127
    steps = rounded / scale
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    np.testing.assert_array_equal(np.abs(np.round(steps)).max(1), 127)
    nearest = np.round(weights / scale) * scale
    error, plain = (np.square(inputs @ (weights - values).T).mean() for values in (rounded, nearest))
    assert error < plain / 3


@pytest.mark.parametrize("inputs", [40, 41])
def test_rounding_in_pairs_keeps_neighbours_within_int8_and_its_limit(inputs: int) -> None:
    from export.quantization import round_to_int8, row_limits

    random = np.random.default_rng(0)
    values = random.normal(1, 1, (2000, inputs)) @ random.normal(size=(inputs, inputs))
    weights = np.vstack([random.normal(size=(64, inputs)), np.zeros(inputs), np.eye(inputs)[inputs - 1]])
    rounded = round_to_int8(weights, values.T @ values / len(values), pairs="neighbours")
    limits = row_limits(weights, pairs="neighbours")
    np.testing.assert_allclose(row_limits(rounded, pairs="neighbours"), limits, rtol=1e-9)
    scale = np.where(limits > 0, limits, 1)[:, None] / 127
    steps = rounded / scale
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    even = np.round(steps)[:, : inputs // 2 * 2]
    assert np.abs(even[:, ::2] + even[:, 1::2]).max() <= 127
    error, plain = (np.square(values @ (weights - w).T).mean() for w in (rounded, np.round(weights / scale) * scale))
    assert error < plain / 3


def test_any_two_weights_of_a_kernel_on_a_gray_image_stay_within_int8() -> None:
    """Runtimes read such a kernel by rows or by columns: neighbours differ."""
    from export.quantization import pairs_of, round_to_int8, row_limits

    assert [pairs_of(channels) for channels in (1, 3, 64)] == ["any", "any", "neighbours"]
    random = np.random.default_rng(0)
    weights, values = random.normal(size=(16, 9)), random.normal(1, 1, (500, 9))
    rounded = round_to_int8(weights, values.T @ values / len(values), "any")
    limits = row_limits(weights, "any")
    np.testing.assert_allclose(row_limits(rounded, "any"), limits, rtol=1e-9)
    steps = np.sort(rounded / limits[:, None] * 127)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    assert np.abs(np.round([steps[:, 0] + steps[:, 1], steps[:, -1] + steps[:, -2]])).max() == 127
    np.testing.assert_allclose(rounded, weights, atol=limits.max() / 127 * 3)
    assert (limits <= 2 * np.abs(weights).max(1)).all()
    assert limits.mean() < 1.8 * np.abs(weights).max(1).mean()
    alone = np.array([[0.5], [-0.25]])
    np.testing.assert_array_equal(row_limits(alone, "any"), [0.5, 0.25])


def test_rows_near_nothing_have_scales_that_float32_multiplies() -> None:
    from export.quantization import int8_scales

    scales = int8_scales(np.array([0.5, 0.0, 1e-39, 1e-12])).astype(np.float32)
    np.testing.assert_allclose(scales * 127, [0.5, 1, 1, 1e-12], rtol=1e-6)
    assert (scales * np.float32(1e-9) > 0).all()


def test_rounding_to_half_gives_half_floats_and_keeps_a_dead_row() -> None:
    from export.quantization import round_to_half, round_to_int8

    weights = np.vstack([np.zeros(6), np.random.default_rng(0).normal(size=(3, 6))])
    half = round_to_half(weights, np.ones((6, 6)))
    np.testing.assert_array_equal(half, half.astype(np.float16))
    assert not half[0].any()
    assert not round_to_int8(weights, np.ones((6, 6)))[0].any()


def test_prepared_model_lies_on_the_int8_grid_and_answers_alike() -> None:
    from keras import layers

    from export.folding import fold
    from export.quantization import pairs_of, prepare, row_limits

    model = fold(randomized(build_model("baseline_cnn")))
    batch = images(count=8)
    prepared = prepare(model, batch)
    assert np.abs(outputs(prepared.model, batch) - outputs(model, batch)).max() < 0.1
    for layer in prepared.model.layers:
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            kernel = layer.get_weights()[0]
            rows = kernel.reshape(-1, kernel.shape[-1]).T
            steps = rows / row_limits(rows, pairs_of(kernel.shape[-2]))[:, None] * 127
            np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)


def test_additions_pass_the_scale_that_evens_out_ranges() -> None:
    import keras
    from keras import layers

    from export.folding import trace
    from export.quantization import _equalized, _streams

    keras.utils.set_random_seed(0)
    image = layers.Input((12, 12, 3))
    stream = layers.Conv2D(6, 3, padding="same", name="first")(image)
    branch = layers.Conv2D(6, 1, name="branch")(layers.ReLU(6.0)(layers.Conv2D(12, 1, name="expand")(stream)))
    total = layers.ReLU()(layers.Add()([stream, branch]))
    model = randomized(keras.Model(image, layers.Dense(4, name="last")(layers.GlobalAveragePooling2D()(total))))
    for name in ("first", "branch"):
        kernel, bias = model.get_layer(name).get_weights()
        uneven = 100.0 ** np.linspace(-0.5, 0.5, 6)
        model.get_layer(name).set_weights([kernel * uneven, bias * uneven])
    (found,) = _streams(trace(model)[0])
    assert [operation.name for operation in (*found.writers, *found.readers)] == ["first", "branch", "expand", "last"]
    batch = images(12, 3, 16) / 64
    evened = _equalized(model, batch)
    np.testing.assert_allclose(outputs(evened, batch), outputs(model, batch), rtol=1e-3, atol=1e-3)

    def unevenness(model: Any) -> float:
        calls, copy = trace(model)
        (sums,) = (call.outputs[0] for call in calls if type(call.operation) is layers.Add)
        values = outputs(keras.Model(copy.input, sums), batch)
        spread = values.max((0, 1, 2)) - values.min((0, 1, 2))
        return float(spread.max() / spread.min())

    assert unevenness(model) > 20
    assert unevenness(evened) == pytest.approx(unevenness(model) ** 0.5, rel=0.3)


def test_a_stream_that_something_else_reads_is_left() -> None:
    import keras
    from keras import layers

    from export.folding import trace
    from export.quantization import _streams

    image = layers.Input((12, 12, 3))
    first, second = layers.Conv2D(6, 3)(image), layers.Conv2D(6, 3)(image)
    total = layers.Add()([first, second])
    x = layers.Concatenate()([layers.Conv2D(6, 1)(total), layers.Activation("swish")(total)])
    assert _streams(trace(keras.Model(image, layers.Conv2D(4, 1)(x)))[0]) == []


def test_depthwise_kernels_lie_on_the_int8_grid_and_answers_stay() -> None:
    import keras
    from keras import layers

    from export.folding import fold
    from export.quantization import prepare

    keras.utils.set_random_seed(0)
    image = layers.Input((12, 12, 3))
    x = layers.ReLU()(layers.Conv2D(6, 3, padding="same", name="first")(image))
    x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same", name="depthwise")(x))
    model = randomized(keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling2D()(x))))
    kernel, bias = model.get_layer("first").get_weights()
    uneven = 10.0 ** np.linspace(-0.5, 0.5, 6)
    model.get_layer("first").set_weights([kernel * uneven, bias * uneven])
    kernel, bias = model.get_layer("depthwise").get_weights()
    model.get_layer("depthwise").set_weights([kernel / uneven[:, None], bias])
    batch = images(12, 3, 16) / 64
    prepared = prepare(fold(model), batch).model
    before, after = outputs(model, batch), outputs(prepared, batch)
    assert np.abs(after - before).max() < 0.02 * np.abs(before).max()
    _, depthwise = (layer for layer in prepared.layers if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)))
    steps = depthwise.get_weights()[0] / np.abs(depthwise.get_weights()[0]).max((0, 1)) * 127
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    ranges = [_ranges_into_depthwise(m, batch) for m in (fold(model), prepared)]
    unevenness = [spread.max() / spread.min() for spread in ranges]
    assert unevenness[1] < 0.6 * unevenness[0]


def _ranges_into_depthwise(model: Any, batch: np.ndarray) -> np.ndarray:
    import keras

    layer = next(layer for layer in model.layers if type(layer) is keras.layers.DepthwiseConv2D)
    return outputs(keras.Model(model.input, layer.input), batch).max((0, 1, 2))


@pytest.mark.parametrize(
    ("kind", "options", "shape"),
    [
        ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 12, 12, 3)),
        ("Conv2D", {"filters": 4, "kernel_size": 5, "dilation_rate": 2}, (2, 12, 12, 3)),
        ("Conv2D", {"filters": 4, "kernel_size": (3, 2), "padding": "same"}, (2, 7, 9, 3)),
        ("DepthwiseConv2D", {"kernel_size": 5, "strides": 2, "padding": "same"}, (2, 11, 11, 6)),
    ],
)
def test_patches_are_what_meets_the_weights(kind: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    import keras
    from keras import layers

    from export.folding import kernels_and_bias
    from export.quantization import _matrices, _patches

    layer = getattr(layers, kind)(**options)
    value = np.random.default_rng(0).normal(size=shape).astype("float32")
    expected = keras.ops.convert_to_numpy(layer(value))
    weights = _matrices(layer, kernels_and_bias(layer)[0])
    products = np.einsum("gni,goi->ngo", _patches(layer, value), weights)
    np.testing.assert_allclose(products.reshape(expected.shape), expected, atol=1e-5)


def test_added_constants_are_whole_steps_of_a_scale_that_input_and_output_share() -> None:
    from export.folding import Affine, fold
    from export.quantization import prepare

    batch = images(count=8)
    prepared = prepare(fold(randomized(build_model("baseline_cnn"))), batch)
    assert len(prepared.shared_scales) == 2
    shifts = [layer.shift for layer in prepared.model.layers if isinstance(layer, Affine)]
    for shared, shift in zip(prepared.shared_scales, shifts, strict=True):
        widths = [high - low for low, high in (shared.before, shared.after)]
        assert widths[0] == pytest.approx(widths[1])
        steps = shared.constant / (widths[0] / 255)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        np.testing.assert_array_equal(shared.constant, shift)


def test_half_precision_model_answers_alike() -> None:
    from export.folding import fold
    from export.quantization import prepare_half

    model = fold(randomized(build_model("baseline_cnn")))
    batch = images(count=8)
    np.testing.assert_allclose(outputs(prepare_half(model, batch), batch), outputs(model, batch), atol=5e-3)


def test_multiply_accumulates_by_hand() -> None:
    from fer_zoo.models.macs import count_macs

    convolutions = 48 * 48 * 9 * 32 + 24 * 24 * 9 * 32 * 64 + 12 * 12 * 9 * 64 * 128
    assert count_macs(build_model("baseline_cnn")) == convolutions + 128 * 256 + 256 * 7 == 21_931_776


def test_multiply_accumulates_of_other_layers() -> None:
    import keras
    from keras import layers

    from fer_zoo.models.macs import count_macs

    depthwise, separable = layers.DepthwiseConv2D(3, depth_multiplier=2), layers.SeparableConv2D(8, 3)
    image = layers.Input((12, 12, 3))
    inner = keras.Sequential([layers.Input((8, 8, 8)), layers.Conv2D(4, 3, strides=2, groups=2)])
    model = keras.Model(image, inner(separable(depthwise(image))))
    expected = 10 * 10 * 9 * 6 + (8 * 8 * 9 * 6 + 8 * 8 * 6 * 8) + 3 * 3 * 9 * 8 // 2 * 4
    assert count_macs(model) == expected


@pytest.mark.slow
def test_a_shifted_image_is_padded_with_the_shift_and_its_convolution_stays_in_float(
    on_tensorflow: None, tmp_path: Path
) -> None:
    import onnx

    from export.convert import to_onnx
    from export.folding import fold
    from export.quantization import prepare
    from export.quantize import onnx_int8
    from fer_zoo.models.ensemble import ensemble

    model = fold(randomized(build_model("fernet_nano")))
    batch = images(count=8)
    to_onnx(model, tmp_path / "float.onnx")
    nodes = onnx.load(tmp_path / "float.onnx").graph.node
    assert [node.op_type for node in nodes][:3] == ["Reshape", "Pad", "Conv"]
    assert _modes(nodes[1]) == ["constant"]
    np.testing.assert_allclose(onnx_outputs(tmp_path / "float.onnx", batch), outputs(model, batch), atol=1e-5)
    # The members' shifts may be one constant.
    both = fold(ensemble(members=[randomized(build_model("fernet_nano")), randomized(build_model("fernet_tiny"))]))
    to_onnx(both, tmp_path / "both.onnx")
    np.testing.assert_allclose(onnx_outputs(tmp_path / "both.onnx", batch), outputs(both, batch), atol=1e-5)
    onnx_int8(prepare(model, batch), tmp_path / "int8.onnx", batch)
    nodes = [node for node in onnx.load(tmp_path / "int8.onnx").graph.node if node.op_type != "DequantizeLinear"]
    assert [node.op_type for node in nodes][:5] == ["Reshape", "Pad", "Conv", "Relu", "QuantizeLinear"]
    assert _modes(nodes[1]) == ["constant"]


@pytest.mark.slow
def test_maps_of_landmarks_are_in_onnx_and_tflite(on_tensorflow: None, tmp_path: Path) -> None:
    import keras
    from ai_edge_litert.interpreter import Interpreter

    from export.convert import to_onnx
    from export.folding import fold
    from export.tflite import to_tflite

    model = randomized(build_model("fernet_nano_landmark"))
    batch = images(count=2)
    maps = outputs(keras.Model(model.input, model.get_layer("landmark_maps").output), batch)
    assert maps.max((1, 2)).min() > 0.1  # The landmarks lie in the image.
    folded = fold(model)
    to_onnx(folded, tmp_path / "model.onnx")
    np.testing.assert_allclose(onnx_outputs(tmp_path / "model.onnx", batch), outputs(model, batch), atol=1e-5)
    to_tflite(folded, tmp_path / "model.tflite")
    interpreter = Interpreter(str(tmp_path / "model.tflite"))
    run = interpreter.get_signature_runner()
    one = np.concatenate([next(iter(run(image=image[None]).values())) for image in batch])
    np.testing.assert_allclose(one, outputs(model, batch), atol=1e-5)


def _modes(pad: Any) -> list[str]:
    """The attribute mode of a Pad; without one, pnnx converts it to a layer that ncnn does not have."""
    return [attribute.s.decode() for attribute in pad.attribute if attribute.name == "mode"]


@pytest.mark.slow
def test_converting_again_gives_the_same_bytes(on_tensorflow: None, tmp_path: Path) -> None:
    from export.convert import to_onnx
    from export.folding import fold
    from export.quantization import prepare
    from export.quantize import onnx_int8

    model = fold(randomized(build_model("fernet_tiny")))
    batch = images(count=8)
    prepared = prepare(model, batch)
    for name in ("first", "second"):
        to_onnx(model, tmp_path / f"{name}.onnx")
        onnx_int8(prepared, tmp_path / f"{name}.int8.onnx", batch)
    for kind in ("onnx", "int8.onnx"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes(), kind


def test_average_pooling_goes_into_the_shortcut_convolution() -> None:
    from export.folding import fold

    model = randomized(build_model("fernet_tiny"))
    assert "AveragePooling2D" in kinds(model)
    folded = fold(model)
    assert "AveragePooling2D" not in kinds(folded)
    np.testing.assert_allclose(outputs(folded, images()), outputs(model, images()), atol=1e-5)
