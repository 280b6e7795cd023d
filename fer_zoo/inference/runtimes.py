"""One class for each runtime with the same interface: `input_shape`, `output_shape`, `run(batch)`, `batch_size` (images
in one call, unless the caller chooses), `labels` and `prior` (the frequencies of the classes in training), which are
`None` if the file does not contain them.

Runtimes that give access to inner tensors also have `embed(batch)`: the features from which the logits are computed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.backend import select_backend
from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.packages import not_installed
from fer_zoo.zoo import labels_problem, prior_problem, read_keras

if TYPE_CHECKING:
    import onnxruntime

Shape = tuple[int | None, ...]

# ONNX Runtime and LiteRT keep the memory of the largest batch that they had. On one core 16 images at a time are as
# fast as 32, within 5 %, and faster than 256 (efficientnet_lite0 int8 in ONNX Runtime: 1,291, 1,363 and 741 images a
# second, with 19, 45 and 191 MB more than one image takes).
_BATCH = 16

# The buffer of a TFLite file that contains labels and prior as JSON.
TFLITE_FACTS = "fer_zoo"

_NO_FEATURES = "the model averages several models: it has no features before its logits; embed with one of them"


class OnnxRuntime:
    """ONNX Runtime on the CPU.

    Args:
        path: A `.onnx` or `.ort` file.
        threads: CPU threads of one operation; operations run one after the other.
    """

    name = "onnxruntime"
    batch_size = _BATCH

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise UsageError("ONNX Runtime is not installed; run `pip install onnxruntime`") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # The default, set explicitly: idle threads that spin keep latency low, which is what the benchmarks compare.
        # It has no effect with one thread.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._path, self._options = path, options
        self._features: onnxruntime.InferenceSession | None = None
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        _expect_one(len(inputs), len(outputs))
        _expect_float32(*("float32" if tensor.type == "tensor(float)" else tensor.type for tensor in inputs + outputs))
        self._input, self._output = inputs[0].name, outputs[0].name
        self.input_shape = _shape(inputs[0].shape)
        self.output_shape = _shape(outputs[0].shape)
        self.labels, self.prior = _session_metadata(self._session)

    def run(self, batch: np.ndarray) -> np.ndarray:
        return self._session.run([self._output], {self._input: batch})[0]

    def embed(self, batch: np.ndarray) -> np.ndarray:
        import onnxruntime

        if self._features is None:
            content = _features_of(self._path)
            self._features = onnxruntime.InferenceSession(content, self._options, providers=["CPUExecutionProvider"])
        return self._features.run(None, {self._input: batch})[0]


class LiteRT:
    """LiteRT (TensorFlow Lite); the batch dimension is resized whenever it changes. Threads take turns.

    Files that take and give int8 alone take float32 images and give float32 probabilities here, too.

    Args:
        path: A `.tflite` file.
        threads: CPU threads of the runtime.
    """

    name = "litert"
    batch_size = _BATCH

    def __init__(self, path: Path, threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        except ImportError as error:
            raise UsageError("LiteRT is not installed; run `pip install 'fer-zoo[litert]'`") from error
        # BUILTIN applies the default delegate, XNNPACK, with the same number of threads, and says so on stderr.
        kernels = OpResolverType.BUILTIN
        with native_messages_dropped():
            self._interpreter = Interpreter(str(path), num_threads=threads, experimental_op_resolver_type=kernels)
            self._interpreter.allocate_tensors()
        self._lock = threading.Lock()
        self.labels, self.prior = _tflite_metadata(path)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        _expect_one(len(inputs), len(outputs))
        kinds = [np.dtype(tensor["dtype"]).name for tensor in inputs + outputs]
        self._steps = [tensor["quantization"] for tensor in inputs + outputs] if kinds == ["int8"] * 2 else None
        if self._steps is None:
            _expect_float32(*kinds)
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._batch: int | None = None
        self.input_shape: Shape = (None, *map(int, inputs[0]["shape"][1:]))
        self.output_shape: Shape = (None, *map(int, outputs[0]["shape"][1:]))

    def run(self, batch: np.ndarray) -> np.ndarray:
        if self._steps is None:
            return self._run(batch)
        (scale, zero), (step, least) = self._steps
        outputs = self._run(np.clip(np.round(batch / scale) + zero, -128, 127).astype(np.int8))
        # In steps of 1/256, probabilities sum to 1 only almost.
        probabilities = (outputs.astype(np.float32) - least) * np.float32(step)
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        with self._lock:
            if len(batch) != self._batch:
                self._batch = None
                self._interpreter.resize_tensor_input(self._input, batch.shape)
                self._interpreter.allocate_tensors()
                self._batch = len(batch)
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)


class OpenVino:
    """OpenVINO on the CPU, for `.onnx` and `.tflite` files, compiled anew whenever the batch size changes.

    With a dynamic batch size a small model would take ten times as long. Threads take turns.
    """

    name = "openvino"
    batch_size = _BATCH

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import openvino
        except ImportError as error:
            raise UsageError("OpenVINO is not installed; run `pip install 'fer-zoo[openvino]'`") from error
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,
            # On some processors the default is bfloat16.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.labels, self.prior = (_onnx_metadata if path.suffix == ".onnx" else _tflite_metadata)(path)
        self._core = openvino.Core()
        self._model = self._core.read_model(path)
        _expect_one(len(self._model.inputs), len(self._model.outputs))
        tensors = self._model.input(0), self._model.output(0)
        _expect_float32(*(tensor.element_type.to_dtype().name for tensor in tensors))
        shapes = [tensor.partial_shape for tensor in tensors]
        self.input_shape, self.output_shape = (_any_batch(shape) for shape in shapes)
        self._batch: int | None = None
        self._lock = threading.Lock()

    def run(self, batch: np.ndarray) -> np.ndarray:
        with self._lock:
            if len(batch) != self._batch:
                self._batch = None
                self._model.reshape(batch.shape)
                self._request = self._core.compile_model(self._model, "CPU", self._settings).create_infer_request()
                self._batch = len(batch)
            # The result is a view of memory that the next query writes to.
            return self._request.infer([batch], share_inputs=True)[0].copy()


class Keras:
    """Keras on any backend. Threads take turns.

    The number of threads is fixed when a backend starts: `threads` has no effect if the backend already runs.
    """

    name = "keras"
    batch_size = 256  # A call of Keras costs much by itself.
    labels = None  # `labels_of` finds them.
    prior = None

    def __init__(self, path: Path, threads: int, backend: str | None) -> None:
        _set_threads(select_backend(backend), threads)
        from fer_zoo.inference.predictor import Predictor

        self._model = read_keras(path)
        self._predict = Predictor(self._model)
        self._predict_features: Predictor | None = None
        self._lock = threading.Lock()
        _expect_one(len(self._model.inputs), len(self._model.outputs))
        _expect_float32(self._model.inputs[0].dtype, self._model.outputs[0].dtype)
        self.input_shape: Shape = tuple(self._model.inputs[0].shape)
        self.output_shape: Shape = tuple(self._model.outputs[0].shape)

    def run(self, batch: np.ndarray) -> np.ndarray:
        with self._lock:
            return self._predict(batch, len(batch))

    def embed(self, batch: np.ndarray) -> np.ndarray:
        with self._lock:
            if self._predict_features is None:
                import keras

                from fer_zoo.inference.predictor import Predictor

                logits = self._model.get_layer("logits")
                if not isinstance(logits, keras.layers.Dense):
                    raise UsageError(_NO_FEATURES)
                self._predict_features = Predictor(keras.Model(self._model.input, logits.input))
            return self._predict_features(batch, len(batch))


Runtime = OnnxRuntime | LiteRT | OpenVino | Keras


def open_runtime(path: Path, threads: int, backend: str | None = None, runtime: str | None = None) -> Runtime:
    """A model file, loaded by the runtime of its format.

    Args:
        path: A `.onnx`, `.tflite` or `.keras` file.
        threads: CPU threads.
        backend: Keras backend, for a `.keras` file.
        runtime: `openvino` runs a `.onnx` or `.tflite` file on OpenVINO.

    Raises:
        UsageError: The runtime is not installed.
        FerZooError: The model's input or output is not like that of the zoo's models, or its metadata cannot be used.
            Other faults of a file raise exceptions of the runtime itself.
    """
    if runtime == "openvino":
        return OpenVino(path, threads)
    if path.suffix == ".keras":
        return Keras(path, threads, backend)
    return OnnxRuntime(path, threads) if path.suffix == ".onnx" else LiteRT(path, threads)


def _features_of(path: Path) -> bytes:
    """The ONNX model in `path` with one output, the tensor that the logits are computed from."""
    try:
        import onnx
    except ImportError as error:
        raise not_installed("onnx") from error
    model = onnx.load(path)
    makers = {output: node for node in model.graph.node for output in node.output}
    node = makers.get(model.graph.output[0].name)
    for operation in ("Softmax", "Add"):  # Their first input comes from the previous layer.
        if node is not None and node.op_type == operation:
            node = makers.get(node.input[0])
    if node is None or node.op_type not in ("MatMul", "Gemm"):
        raise UsageError(_NO_FEATURES)
    del model.graph.output[:]
    model.graph.output.append(onnx.ValueInfoProto(name=node.input[0]))
    return model.SerializeToString()


def _set_threads(backend: str, threads: int) -> None:
    if backend == "tensorflow":
        import tensorflow as tf

        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # TensorFlow has already started.
            return
    elif backend == "torch":
        import torch

        torch.set_num_threads(threads)
    elif "jax" not in sys.modules:
        os.environ["PJRT_NPROC"] = str(threads)


def _shape(dimensions: list[Any]) -> Shape:
    """ONNX Runtime's dimensions as a shape; a dimension that is not a number is dynamic, `None`."""
    return tuple(size if isinstance(size, int) else None for size in dimensions)


def _any_batch(dimensions: Any) -> Shape:
    return (None, *(size.get_length() for size in list(dimensions)[1:]))


def _expect_one(inputs: int, outputs: int) -> None:
    if (inputs, outputs) != (1, 1):
        raise FerZooError(f"the model must have one input and one output, not {inputs} and {outputs}")


def _expect_float32(input_type: str, output_type: str) -> None:
    if input_type != "float32":
        raise FerZooError(f"the model must take float32 images, not {input_type}")
    if output_type != "float32":
        raise FerZooError(f"the model must give float32 probabilities, not {output_type}")


# The labels in a file's metadata, and the frequencies of the classes in training; `None` for what is missing.
_Metadata = tuple[tuple[str, ...] | None, tuple[float, ...] | None]


def _session_metadata(session: onnxruntime.InferenceSession) -> _Metadata:
    metadata = session.get_modelmeta().custom_metadata_map
    return _checked(*(_parsed(metadata[name]) if metadata.get(name) else None for name in ("labels", "prior")))


def _onnx_metadata(path: Path) -> _Metadata:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return _session_metadata(onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]))


def _tflite_metadata(path: Path) -> _Metadata:
    """Read the buffer that `export.metadata` writes; nothing is read without ai_edge_litert, an optional package."""
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        return None, None
    model = schema.Model.GetRootAs(path.read_bytes())
    for entry in map(model.Metadata, range(model.MetadataLength())):
        if entry.Name() == TFLITE_FACTS.encode():
            content = _parsed(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
            return _checked(content.get("labels"), content.get("prior")) if isinstance(content, dict) else (None, None)
    return None, None


def _checked(labels: Any, prior: Any) -> _Metadata:
    """The labels and the prior of a file; FerZooError if they cannot be used."""
    problems = (labels is not None and labels_problem(labels), prior is not None and prior_problem(prior))
    for problem in filter(None, problems):
        raise FerZooError(f"{problem}, in the metadata of the file")
    return labels and tuple(labels), prior and tuple(prior)


def _parsed(text: str | bytes) -> Any:
    """Parse JSON; an empty string, which is neither a list nor an object, if the text is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ""
