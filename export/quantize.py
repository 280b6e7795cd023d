"""Static int8: per-channel weights, calibrated activations, float input, swish and softmax."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .convert import converter, quiet

# A softmax of 256 levels makes ties, and a swish of the 256 hidden values costs nothing in float.
_FLOAT_ONNX = ("Softmax", "Sigmoid", "Mul")
_FLOAT_TFLITE = ("SOFTMAX", "LOGISTIC", "MUL")

# How the range of each activation is taken from the calibration images: all of it, or cut where few values lie.
CALIBRATIONS: dict[str, tuple[CalibrationMethod, dict[str, float]]] = {
    "minmax": (CalibrationMethod.MinMax, {}),
    "percentile 99.99": (CalibrationMethod.Percentile, {"CalibPercentile": 99.99}),
    "entropy": (CalibrationMethod.Entropy, {}),
}


def onnx_int8(source: Path, path: Path, images: np.ndarray, calibration: str) -> None:
    """Quantize a float32 ONNX file: QDQ format, signed int8 for activations and per-channel weights.

    Args:
        source: The float32 file.
        path: The file to write.
        images: float32 `[n, 48, 48, 1]`, calibration images in 0..255.
        calibration: A key of `CALIBRATIONS`.
    """
    method, options = CALIBRATIONS[calibration]
    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        nodes = onnx.load(prepared).graph.node
        quantize_static(
            str(prepared),
            str(path),
            _Images(images),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            calibrate_method=method,
            nodes_to_exclude=[node.name for node in nodes if node.op_type in _FLOAT_ONNX],
            extra_options=dict(options),
        )


def tflite_int8(model: keras.Model, path: Path, images: np.ndarray) -> None:
    """Quantize a Keras model to TFLite: int8 inside, float32 input and output, per-channel weights.

    Args:
        model: A folded model.
        path: The file to write.
        images: float32 `[n, 48, 48, 1]`, calibration images in 0..255.
    """

    def representative() -> Iterator[list[np.ndarray]]:
        return ([image[None]] for image in images)

    with converter(model) as convert, quiet():
        convert.optimizations = [tf.lite.Optimize.DEFAULT]
        convert.representative_dataset = representative
        # The converter itself has no way to leave operations in float; its debugger has, and gives the model.
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=convert,
            debug_dataset=representative,
            debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(_FLOAT_TFLITE)),
        )
        path.write_bytes(debugger.get_nondebug_quantized_model())


def choose_calibration(
    source: Path, path: Path, images: np.ndarray, divergence: Callable[[Path], float]
) -> dict[str, float]:
    """Quantize with every calibration, keep the file that diverges least.

    Args:
        source: The float32 ONNX file.
        path: The file to write.
        images: Calibration images, float32 `[n, 48, 48, 1]`.
        divergence: Measures a candidate file; smaller is better.

    Returns:
        What each calibration measured, the chosen one first.
    """
    measured = {}
    for name in CALIBRATIONS:
        candidate = path.with_name(f"candidate-{path.name}")
        onnx_int8(source, candidate, images, name)
        measured[name] = divergence(candidate)
        if measured[name] == min(measured.values()):
            candidate.replace(path)
    candidate.unlink(missing_ok=True)
    return dict(sorted(measured.items(), key=lambda item: item[1]))


class _Images(CalibrationDataReader):
    def __init__(self, images: np.ndarray, batch_size: int = 32) -> None:
        self._batches = ({"image": images[i : i + batch_size]} for i in range(0, len(images), batch_size))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)
