"""Keras to float32 ONNX: on TensorFlow through tf2onnx, on torch through its own converter."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import math
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError
from fer_zoo.models.nested import leaf_layers

from .onnx_graph import remove_unread, rename_tensors
from .portable import make_portable

if TYPE_CHECKING:
    import tensorflow as tf
    import torch

OPSET = 17
# The lowest that torch's converter writes without converting back from a later one.
TORCH_OPSET = 18


def to_onnx(model: keras.Model, path: Path) -> None:
    """Write `model` as float32 ONNX: input `image` NHWC, output `probabilities`, both with any batch size.

    Args:
        model: What `fold` made, on TensorFlow (tf2onnx, opset 17) or torch (`torch.onnx`, opset 18).
        path: The file to write.

    Raises:
        FerZooError: The model has an operation that the converter cannot write.
    """
    with quiet():
        converted = optimized(from_torch(model)) if keras.backend.backend() == "torch" else from_tensorflow(model)
    if foreign := sorted({node.op_type for node in converted.graph.node if not _is_onnx(node)}):
        raise cannot_write("ONNX", f"{converted.producer_name} knows no operation of ONNX for {', '.join(foreign)}")
    finish(converted)
    onnx.save(converted, path)


def cannot_write(format_: str, cause: str) -> FerZooError:
    """The error for a model that a format has no operations for."""
    return FerZooError(
        f"the model cannot be written as {format_}: {cause}; take other layers, or write the other format alone: "
        "--formats onnx or --formats tflite"
    )


def _is_onnx(node: onnx.NodeProto) -> bool:
    return node.domain != "" or onnx.defs.has(node.op_type)


def finish(converted: onnx.ModelProto) -> None:
    """Change a converted graph to the zoo's form: names, the image's shift in its padding, what other runtimes need."""
    graph = converted.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    # Shapes are redundant, and the description has a number that differs with each conversion of a process.
    del graph.value_info[:]
    graph.doc_string = ""
    _rename(graph)
    _pad_with_shift(graph)
    make_portable(graph)
    # tf2onnx writes constants in the order of a set, which differs from one conversion to the next.
    graph.initializer.sort(key=lambda tensor: tensor.name)
    onnx.checker.check_model(converted, full_check=True)


def from_tensorflow(model: keras.Model, opset: int = OPSET) -> onnx.ModelProto:
    """Convert a model on TensorFlow with tf2onnx, and with operations of Keras's activations that it does not know."""
    import tf2onnx

    function = tf_function(model)
    with _grouped_convolutions_inline(model):
        return tf2onnx.convert.from_function(
            function,
            function.input_signature,
            opset=opset,
            custom_op_handlers={name: (handler, []) for name, handler in _HANDLERS.items()},
        )[0]


@contextlib.contextmanager
def _grouped_convolutions_inline(model: keras.Model) -> Iterator[None]:
    """Trace grouped convolutions as TensorFlow's operation.

    Keras puts them into a function for XLA to compile, whose call tf2onnx copies into the ONNX graph.
    """
    import tensorflow as tf

    def convolve(layer: keras.layers.Conv2D, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(inputs, kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate)

    grouped = [layer for layer in leaf_layers(model) if type(layer) is keras.layers.Conv2D and layer.groups > 1]
    for layer in grouped:
        layer.convolution_op = functools.partial(convolve, layer)
    try:
        yield
    finally:
        for layer in grouped:
            del layer.convolution_op


def _erfc(graph: Any, node: Any, *_: Any) -> None:
    """1 - erf(x), which Keras's gelu has."""
    _replace(graph, node, "Sub", _one(graph), graph.make_node("Erf", node.input).output[0])


def _expm1(graph: Any, node: Any, *_: Any) -> None:
    """exp(x) - 1, which Keras's celu has."""
    _replace(graph, node, "Sub", graph.make_node("Exp", node.input).output[0], _one(graph))


def _log1p(graph: Any, node: Any, *_: Any) -> None:
    """log(1 + x)."""
    _replace(graph, node, "Log", graph.make_node("Add", [node.input[0], _one(graph)]).output[0])


_HANDLERS = {"Erfc": _erfc, "Expm1": _expm1, "Log1p": _log1p}


def _one(graph: Any) -> str:
    from tf2onnx.utils import make_name

    return graph.make_const(make_name("one"), np.array(1, np.float32)).output[0]


def _replace(graph: Any, node: Any, operation: str, *inputs: str) -> None:
    """Put another operation in the place of a node of tf2onnx's graph."""
    shapes, dtypes = node.output_shapes, node.output_dtypes  # The graph forgets them with the node.
    graph.remove_node(node.name)
    graph.make_node(operation, inputs, name=node.name, outputs=node.output, shapes=shapes, dtypes=dtypes)


def from_torch(model: keras.Model, opset: int = TORCH_OPSET) -> onnx.ModelProto:
    """Convert a model on torch with `torch.onnx`, by `torch.export`.

    Not Keras's `model.export`: for any batch size it takes torch's older converter, whose graph has ten times as many
    nodes, which compute the padding anew in each call.
    """
    import torch

    program = torch.onnx.export(
        torch_module(model),
        (torch.zeros(2, *model.input_shape[1:]),),
        input_names=[_input_name(model)],
        output_names=["probabilities"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=opset,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.optimize()
    return program.model_proto


def torch_module(model: keras.Model) -> torch.nn.Module:
    """A model on torch as a module of one named input, for `torch.export`."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.model(inputs, training=False)

    return Module().eval()


def optimized(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph as ONNX Runtime simplifies it for any processor.

    Other converters than tf2onnx leave two transpositions around each convolution, and its bias behind them.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "model.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        simple = onnx.load(options.optimized_model_filepath)
    # ONNX Runtime adds every domain that it knows.
    used = [opset for opset in simple.opset_import if opset.domain == ""]
    del simple.opset_import[:]
    simple.opset_import.extend(used)
    for node in simple.graph.node:
        del node.metadata_props[:]
    simple.producer_name = model.producer_name
    simple.producer_version = model.producer_version
    return simple


def tf_function(model: keras.Model) -> tf.types.experimental.GenericFunction:
    """The model with the contract's names: `image` in, of a voice `log_mel`, and `probabilities` out."""
    import tensorflow as tf

    signature = [tf.TensorSpec(model.input_shape, tf.float32, name=_input_name(model))]
    return tf.function(lambda inputs: {"probabilities": model(inputs, training=False)}, input_signature=signature)


def _input_name(model: keras.Model) -> str:
    return "log_mel" if model.inputs[0].name == "log_mel" else "image"


def _rename(graph: onnx.GraphProto) -> None:
    """Name nodes and tensors by layer and operation, `stage1_conv.Relu` for `baseline_cnn_1/stage1_conv_1/Relu:0`."""
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    used: Counter[str] = Counter()
    for node in graph.node:
        path = node.output[0].split("/")
        name = f"{re.sub(r'_[0-9]+$', '', path[1])}.{node.op_type}" if len(path) > 1 else node.op_type
        used[name] += 1
        node.name = name if used[name] == 1 else f"{name}.{used[name]}"
        for index, tensor in enumerate(node.input):
            names.setdefault(tensor, f"{node.name}.in{index}")
        for index, tensor in enumerate(node.output):
            names.setdefault(tensor, node.name if index == 0 else f"{node.name}.out{index}")
    rename_tensors(graph, names)


def _pad_with_shift(graph: onnx.GraphProto) -> None:
    """Move the addition of a constant to the image into the bias of the padded convolution behind it.

    The image is then padded with minus that constant, in an operation of its own. Folding cannot do that in Keras,
    whose layers pad with zeros. ONNX Runtime adds a constant to 48x48 values in 46 µs, a third of fernet_nano's time,
    and pads them in 4.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    readers = Counter(name for node in graph.node for name in node.input)
    makers = {node.output[0]: node for node in graph.node}
    for conv in [node for node in graph.node if node.op_type == "Conv"]:
        pads = next((attribute for attribute in conv.attribute if attribute.name == "pads"), None)
        add, below = makers.get(conv.input[0]), None
        while add is not None and add.op_type in ("Reshape", "Transpose") and readers[add.output[0]] == 1:
            below, add = add, makers.get(add.input[0])
        if add is None or add.op_type != "Add" or pads is None or not any(pads.ints) or len(conv.input) < 3:
            continue
        shift = constants.get(add.input[1])
        if shift is None or math.prod(shift.dims) != 1:
            continue
        if readers[add.output[0]] != 1 or any(readers[name] != 1 for name in conv.input[1:]):
            continue
        value = numpy_helper.to_array(shift).ravel()[0]
        kernel, bias = (constants[name] for name in conv.input[1:])
        shifted = numpy_helper.to_array(bias) + value * numpy_helper.to_array(kernel).sum((1, 2, 3))
        bias.CopyFrom(numpy_helper.from_array(shifted.astype(np.float32), bias.name))
        top, left, bottom, right = pads.ints
        amounts = numpy_helper.from_array(np.array([0, 0, top, left, 0, 0, bottom, right]), f"{conv.name}.pads")
        padding = numpy_helper.from_array(np.array(-value, np.float32), f"{conv.name}.padding")
        graph.initializer.extend([amounts, padding])
        padded = helper.make_node("Pad", [conv.input[0], amounts.name, padding.name], [f"{conv.name}.padded"])
        padded.name = f"{conv.name}.Pad"
        if below is None:
            padded.input[0] = add.input[0]
        else:
            below.input[0] = add.input[0]
        conv.input[0] = padded.output[0]
        conv.attribute.remove(pads)
        graph.node.remove(add)
        graph.node.insert(next(i for i, node in enumerate(graph.node) if node.name == conv.name), padded)
    remove_unread(graph)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress what the converters print and log; exceptions still say what failed."""
    loggers = [logging.getLogger(name) for name in (None, "tf2onnx", "tensorflow", "torch", "coremltools")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        # tf2onnx logs operations that it does not know as errors; `to_onnx` names them.
        logger.setLevel(logging.CRITICAL if logger.name == "tf2onnx" else logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), native_messages_dropped():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
