"""Which operations of a network of depthwise convolutions stay in float, and that the rest does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_zoo.backend import installed_backends, select_backend

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


def test_tflite_keeps_the_first_depthwise_convolution_in_float(prepared: Any, tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    from export import flatbuffer
    from export.quantize import tflite_int8

    tflite_int8(prepared, tmp_path / "model.tflite", IMAGES)
    model = flatbuffer.load(tmp_path / "model.tflite")
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
