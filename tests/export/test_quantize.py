"""Which operations of a network of depthwise convolutions stay in float, and that the rest does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_zoo.backend import installed_backends, select_backend
from fer_zoo.zoo import artifacts_dir, load_manifest

IMAGES = np.random.default_rng(1).integers(0, 256, (16, 48, 48, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def prepared() -> Any:
    """A small network: convolution, depthwise, pointwise, depthwise, logits; ready to quantize."""
    if "tensorflow" not in installed_backends():
        pytest.skip("export needs TensorFlow")
    before = dict(os.environ)
    select_backend()
    import keras
    from keras import layers

    os.environ.clear()
    os.environ.update(before)
    if keras.backend.backend() != "tensorflow":
        pytest.skip("export needs TensorFlow")
    from export.folding import fold
    from export.quantization import prepare

    keras.utils.set_random_seed(3)
    image = layers.Input((48, 48, 1), name="image")
    x = layers.Rescaling(1 / 127.5, -1)(layers.Resizing(96, 96)(image))
    x = layers.ReLU(6.0)(layers.Conv2D(16, 3, strides=2, padding="same")(x))
    x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.ReLU(6.0)(layers.Conv2D(32, 1)(x))
    x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.Dense(7, name="logits")(layers.GlobalAveragePooling2D()(x))
    return prepare(fold(keras.Model(image, layers.Softmax(name="probabilities")(x))), IMAGES)


@pytest.fixture(scope="module")
def tflite(prepared: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from export.tflite import tflite_int8

    path = tmp_path_factory.mktemp("quantized") / "model.tflite"
    tflite_int8(prepared, path, IMAGES)
    return path


def test_tflite_keeps_the_first_depthwise_convolution_in_float(tflite: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    from export import flatbuffer

    model = flatbuffer.load(tflite)
    (graph,) = model.subgraphs
    operators = [(flatbuffer.kind(model.operatorCodes[o.opcodeIndex]), o) for o in graph.operators]
    weighted = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D)
    types = [graph.tensors[operator.outputs[0]].type for kind, operator in operators if kind in weighted]
    assert types == [schema.TensorType.FLOAT32] * 2 + [schema.TensorType.INT8] * 2
    (resize,) = [o for kind, o in operators if kind == schema.BuiltinOperator.RESIZE_BILINEAR]
    assert graph.tensors[resize.outputs[0]].type == schema.TensorType.FLOAT32


def test_onnx_keeps_the_first_depthwise_convolution_in_float(prepared: Any, tmp_path: Path) -> None:
    import onnx

    from export.quantize import onnx_int8

    onnx_int8(prepared, tmp_path / "model.onnx", IMAGES)
    graph = onnx.load(tmp_path / "model.onnx").graph
    quantized = {output for node in graph.node if node.op_type == "DequantizeLinear" for output in node.output}
    convolutions = [node.input[0] in quantized for node in graph.node if node.op_type == "Conv"]
    assert convolutions == [False, False, True, True]


def test_neighbouring_weights_stay_within_int8_together(prepared: Any, tmp_path: Path) -> None:
    from export.quantize import onnx_int8

    onnx_int8(prepared, tmp_path / "model.onnx", IMAGES)
    sums = _sums_of_neighbours(tmp_path / "model.onnx")
    assert len(sums) == 2
    # The limit is used up, and where 127 is left by rounding, 128 times 255 still fits 16 bits.
    assert all(120 < sum <= 128 for sum in sums)


def test_neighbouring_weights_of_tflite_stay_within_int8_together_and_are_the_same_weights(
    prepared: Any, tflite: Path
) -> None:
    """OpenVINO adds their products in 16 bits where the processor has no VNNI."""
    from ai_edge_litert import schema_py_generated as schema
    from keras import layers

    from export import flatbuffer

    model = flatbuffer.load(tflite)
    (graph,) = model.subgraphs
    matrices = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)
    quantized = [
        [graph.tensors[index] for index in operator.inputs]
        for operator in graph.operators
        if flatbuffer.kind(model.operatorCodes[operator.opcodeIndex]) in matrices
        and graph.tensors[operator.inputs[1]].type == schema.TensorType.INT8
    ]
    assert len(quantized) == 2, "a pointwise convolution and the logits"
    for _, weights, *_ in quantized:
        rows = _integers(model, weights)
        sums = np.abs(rows[:, ::2] + rows[:, 1::2])
        # The limit is used up by each row, and 128 times 255 still fits 16 bits.
        assert np.maximum(sums.max(1), np.abs(rows).max(1)).min() > 120
        assert sums.max() <= 128
    (pointwise,) = (n for n in prepared.model.layers if type(n) is layers.Conv2D and n.kernel_size == (1, 1))
    kernel, shift = pointwise.get_weights()
    _, weights, bias = quantized[0]
    np.testing.assert_allclose(
        _integers(model, weights) * weights.quantization.scale[:, None], kernel[0, 0].T, atol=1e-6
    )
    steps = model.buffers[bias.buffer].data.view("<i4")
    # Rounded by the converter, and again.
    assert (np.abs(steps * bias.quantization.scale - shift) <= 1.01 * bias.quantization.scale).all()


def _integers(model: Any, weights: Any) -> np.ndarray:
    return model.buffers[weights.buffer].data.view(np.int8).reshape(weights.shape[0], -1).astype(int)


def test_a_file_loads_where_onnx_runtime_replaces_zero_points(prepared: Any, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    from export.quantize import onnx_int8

    onnx_int8(prepared, tmp_path / "model.onnx", IMAGES)
    graph = onnx.load(tmp_path / "model.onnx").graph
    signed = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8}
    uses = [name for node in graph.node for name in node.input if name in signed]
    assert len(uses) == len(set(uses)) == 2 * 3
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    exact = onnxruntime.InferenceSession(tmp_path / "model.onnx", options)
    usual = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    answers = [session.run(None, {"image": IMAGES})[0] for session in (exact, usual)]
    np.testing.assert_array_equal(*answers)


def test_onnx_leaves_out_what_the_specification_takes_for_granted(prepared: Any, tmp_path: Path) -> None:
    import onnx

    from export.quantize import onnx_int8

    onnx_int8(prepared, tmp_path / "model.onnx", IMAGES)
    graph = onnx.load(tmp_path / "model.onnx").graph
    attributes = [{attribute.name for attribute in node.attribute} for node in graph.node if node.op_type == "Conv"]
    assert ["strides" in names for names in attributes] == [True, False, False, False]
    assert ["group" in names for names in attributes] == [False, True, False, True]
    assert all(names <= {"kernel_shape", "pads", "strides", "group"} for names in attributes)


def test_trimmed_tflite_takes_any_batch_and_gives_the_same_answers(
    prepared: Any, tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export import flatbuffer
    from export.tflite import tflite_int8
    from fer_zoo.inference import load_classifier

    monkeypatch.setattr(flatbuffer, "trim", lambda model: None)
    tflite_int8(prepared, tmp_path / "whole.tflite", IMAGES)
    model = flatbuffer.load(tflite)
    (graph,) = model.subgraphs
    names = [tensor.name for tensor in graph.tensors]
    assert len(names) == len(set(names))
    assert [names[number] for number in (*graph.inputs, *graph.outputs)] == [b"image", b"probabilities"]
    assert [buffer.data is None for buffer in model.buffers].count(True) == 1
    files = (tflite, tmp_path / "whole.tflite")
    trimmed, whole = (load_classifier(path) for path in files)
    for images in (IMAGES[:1], IMAGES):
        np.testing.assert_array_equal(trimmed.predict_proba(images), whole.predict_proba(images))
    sizes = [path.stat().st_size for path in files]
    assert sizes[0] < sizes[1] - 500


@pytest.mark.parametrize(
    "path",
    [a.path for a in load_manifest() if a.precision == "int8" and (artifacts_dir() / a.path).is_file()],
)
def test_no_shipped_file_overflows_without_vnni(path: str) -> None:
    pytest.importorskip("onnx" if path.endswith(".onnx") else "ai_edge_litert")
    sums = _sums_of_neighbours if path.endswith(".onnx") else _sums_in_tflite
    assert max(sums(artifacts_dir() / path)) <= 128


def _sums_in_tflite(path: Path) -> list[int]:
    """As `_sums_of_neighbours`, of a TFLite file."""
    from ai_edge_litert import schema_py_generated as schema

    from export import flatbuffer

    model = flatbuffer.load(path)
    (graph,) = model.subgraphs
    matrices = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)
    weights = [
        graph.tensors[operator.inputs[1]]
        for operator in graph.operators
        if flatbuffer.kind(model.operatorCodes[operator.opcodeIndex]) in matrices
    ]
    return [_largest_sum(_integers(model, w)) for w in weights if w.type == schema.TensorType.INT8]


def _largest_sum(rows: np.ndarray) -> int:
    """The largest absolute value of a weight, or of a sum of two neighbours."""
    pairs = rows[:, : rows.shape[1] // 2 * 2].reshape(len(rows), -1, 2).sum(2)
    return int(np.abs([pairs.min(initial=0), pairs.max(initial=0), rows.min(), rows.max()]).max())


def _sums_of_neighbours(path: Path) -> list[int]:
    """The largest absolute sum of two weights that meet in 16 bits, of each quantized matrix: channels vary fastest."""
    import onnx

    graph = onnx.load(path).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = {
        node.output[0]: constants[node.input[0]].astype(int)
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    sums = []
    for node in graph.node:
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        if node.op_type in ("Conv", "Gemm") and node.input[1] in weights and attributes.get("group", 1) == 1:
            matrix = weights[node.input[1]]
            rows = matrix if node.op_type == "Conv" or attributes.get("transB") else matrix.T
            rows = np.moveaxis(rows, 1, -1).reshape(len(rows), -1)
            sums.append(_largest_sum(rows))
    return sums
