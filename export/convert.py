"""Keras to ONNX and TFLite in float, through TensorFlow."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import keras
import onnx
import tensorflow as tf

from fer_zoo.console import native_stderr_silenced

from . import flatbuffer

OPSET = 17


def to_onnx(model: keras.Model, path: Path) -> None:
    """Write `model` as float32 ONNX: input `image` NHWC, output `probabilities`, both with any batch size."""
    with quiet():
        import tf2onnx

        function = _function(model)
        converted, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPSET)
    graph = converted.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]
    _rename(graph)
    onnx.checker.check_model(converted, full_check=True)
    onnx.save(converted, path)


def to_tflite(model: keras.Model, path: Path, half: bool = False) -> None:
    """Write `model` as TFLite, float32, or with the weights in float16 where `half`."""
    with converter(model) as convert, quiet():
        if half:
            convert.optimizations = [tf.lite.Optimize.DEFAULT]
            convert.target_spec.supported_types = [tf.float16]
        path.write_bytes(convert.convert())
    small = flatbuffer.load(path)
    flatbuffer.compact(small)
    flatbuffer.save(small, path)


@contextlib.contextmanager
def converter(model: keras.Model) -> Iterator[tf.lite.TFLiteConverter]:
    """A TFLite converter of `model` through a SavedModel, which lives as long as the context."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serving_default", _function(model))
        archive.write_out(folder, verbose=False)
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


def _function(model: keras.Model) -> tf.types.experimental.GenericFunction:
    """The model with the contract's names: `image` in, `probabilities` out."""
    signature = [tf.TensorSpec(model.input_shape, tf.float32, name="image")]
    return tf.function(lambda image: {"probabilities": model(image, training=False)}, input_signature=signature)


def _rename(graph: onnx.GraphProto) -> None:
    """Name nodes and tensors by layer and operation, `stage1_conv.Relu` for `baseline_cnn_1/stage1_conv_1/Relu:0`."""
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    taken: Counter[str] = Counter()
    for node in graph.node:
        path = node.output[0].split("/")
        name = f"{re.sub(r'_[0-9]+$', '', path[1])}.{node.op_type}" if len(path) > 1 else node.op_type
        taken[name] += 1
        node.name = name if taken[name] == 1 else f"{name}.{taken[name]}"
        for index, tensor in enumerate(node.input):
            names.setdefault(tensor, f"{node.name}.in{index}")
        for index, tensor in enumerate(node.output):
            names.setdefault(tensor, node.name if index == 0 else f"{node.name}.out{index}")
        node.input[:] = [names[tensor] for tensor in node.input]
        node.output[:] = [names[tensor] for tensor in node.output]
    for initializer in graph.initializer:
        initializer.name = names[initializer.name]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the converters' chatter off the terminal; exceptions still say what failed."""
    for name in (None, "tf2onnx", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), native_stderr_silenced():
        warnings.simplefilter("ignore")
        yield
