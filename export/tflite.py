"""Keras to TFLite through TensorFlow: float, weights in float16, and static int8."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python.convert_phase import ConverterError

from . import flatbuffer
from .convert import cannot_write, quiet, tf_function
from .dense import quantize_dense, scale_dense_outputs
from .folding import Affine, rebuild
from .overflow import limit_pairs
from .quantization import Prepared, equal

_IN_FLOAT = ("SOFTMAX", "LOGISTIC", "MUL", "FULLY_CONNECTED")


def to_tflite(model: keras.Model, path: Path, half: bool = False) -> None:
    """Write `model` as TFLite, float32, or with the weights in float16 where `half`."""
    with converter(model) as convert, quiet():
        path.write_bytes(convert.convert())
    small = flatbuffer.load(path)
    flatbuffer.compact(small)
    if half:
        flatbuffer.halve(small)
    flatbuffer.save(small, path)


def tflite_int8(prepared: Prepared, path: Path, images: np.ndarray) -> None:
    """Quantize to TFLite: static int8 for all but the dense layers, whose inputs are quantized as they come.

    No product overflows where the processor has no VNNI: see `quantization.row_limits`.

    TensorFlow's converter and ai-edge-quantizer gave the same files here (agreement 97.07 % and 97.10 % with all layers
    static), so that the one without further packages is used.

    Args:
        prepared: A model prepared for TFLite.
        path: The file to write.
        images: float32 `[n, 48, 48, 1]`, calibration images in 0..255.
    """

    def representative() -> Iterator[list[np.ndarray]]:
        return ([image[None]] for image in images)

    with converter(with_ranges(prepared)) as convert, quiet():
        convert.optimizations = [tf.lite.Optimize.DEFAULT]
        convert.representative_dataset = representative
        # The converter itself has no way to leave operations in float; its debugger has, and gives the model.
        options = partial(tf.lite.experimental.QuantizationDebugOptions, denylisted_ops=list(_IN_FLOAT))
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=convert, debug_dataset=representative, debug_options=options()
        )
        path.write_bytes(debugger.calibrated_model)
        if first := _until_depthwise(flatbuffer.load(path)):
            debugger.options = options(denylisted_nodes=first)
        path.write_bytes(debugger.get_nondebug_quantized_model())
    model = flatbuffer.load(path)
    limit_pairs(model, prepared.model)
    quantize_dense(model)
    scale_dense_outputs(model)
    flatbuffer.compact(model)
    flatbuffer.trim(model)
    flatbuffer.save(model, path)


@contextlib.contextmanager
def converter(model: keras.Model) -> Iterator[tf.lite.TFLiteConverter]:
    """A TFLite converter of `model` through a SavedModel, which lives as long as the context.

    Raises:
        FerZooError: The model has an operation that TFLite lacks.
    """
    with tempfile.TemporaryDirectory() as folder, quiet():
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serving_default", tf_function(model))
        archive.write_out(folder, verbose=False)
        try:
            yield tf.lite.TFLiteConverter.from_saved_model(folder)
        except ConverterError as error:
            operations = sorted(set(re.findall(r"'(tf\.\w+)' op", str(error)))) or [str(error).strip().splitlines()[-1]]
            raise cannot_write("TFLite", f"it has no operation for {', '.join(operations)}") from error


def _until_depthwise(model: Any) -> list[str]:
    """Names of the operations from the image to a depthwise convolution, with at most one other convolution between.

    Of all layers of such networks these suffer most from rounding (`python -m benchmarks sensitivity mobilenet_v2`),
    and in float they take no longer: mobilenet_v2 takes 0.88 ms either way.
    """
    (graph,) = model.subgraphs
    convolution, depthwise = schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D
    paths: dict[int, list[str]] = {int(graph.inputs[0]): []}
    past_convolution, names = set[int](), list[str]()
    for operator in graph.operators:
        kind, output = flatbuffer.kind(model.operatorCodes[operator.opcodeIndex]), int(operator.outputs[0])
        inputs = [int(i) for i in operator.inputs if i >= 0 and model.buffers[graph.tensors[i].buffer].data is None]
        if not inputs or not paths.keys() >= set(inputs):
            continue
        path = [name for index in inputs for name in paths[index]] + [graph.tensors[output].name.decode()]
        past = not past_convolution.isdisjoint(inputs)
        if kind == depthwise:
            names += path
        elif kind != convolution or not past:
            paths[output] = path
        if kind == convolution or past:
            past_convolution.add(output)
    return list(dict.fromkeys(names))


class _Range(keras.layers.Layer):
    """Fixes the range of a tensor for TensorFlow's converter."""

    def __init__(self, limits: tuple[float, float]) -> None:
        super().__init__()
        self.limits = limits

    def call(self, inputs: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(inputs, *self.limits)


def with_ranges(prepared: Prepared) -> keras.Model:
    """The model with the range of every shared scale in its graph."""

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        for shared in prepared.shared_scales:
            if isinstance(operation, Affine) and equal(operation.shift, shared.constant):
                return _Range(shared.after)(operation(_Range(shared.before)(*args)))
        return operation(*args, **kwargs)

    return rebuild(prepared.model, call)
