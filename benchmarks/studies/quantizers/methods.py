"""The compared quantizers, each a function that writes one int8 file."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from fer_zoo.evaluation.parity import compare
from fer_zoo.inference import load_classifier

from ... import export_module

_convert, _quantization, _quantize = (export_module(name) for name in ("convert", "quantization", "quantize"))
_tflite_files = export_module("tflite")

_WEIGHTED = ("Conv", "Gemm", "MatMul")


@dataclass
class Models:
    """The inputs of all quantizers.

    Attributes:
        folded: The Keras model after folding.
        images: Calibration images, float32 `[n, 48, 48, 1]` in 0..255.
        labels: Their classes, integer `[n]`.
    """

    folded: keras.Model
    images: np.ndarray
    labels: np.ndarray

    @cached_property
    def prepared(self) -> Any:
        """The model after equalization, exact shifts and GPTQ."""
        return _quantization.prepare(self.folded, self.images)


@dataclass(frozen=True)
class Quantizer:
    """A tool that makes an int8 file of a float model.

    Attributes:
        name: For tables.
        format: `onnx` or `tflite`.
        write: Writes the file from `Models` and returns a remark for the table, which may be empty.
        ours: Whether `export` publishes files made this way.
    """

    name: str
    format: str
    write: Callable[[Models, Path], str]
    ours: bool = False


def quantizers() -> list[Quantizer]:
    """All installed quantizers, those for ONNX first, and the published one last of each format."""
    method = CalibrationMethod
    ort = "ONNX Runtime"
    methods = [
        Quantizer(f"{ort} dynamic", "onnx", _onnx_dynamic),
        Quantizer(f"{ort} MinMax", "onnx", partial(_onnx, method.MinMax, float_softmax=False)),
        Quantizer(f"{ort} MinMax, float softmax", "onnx", partial(_onnx, method.MinMax)),
        Quantizer(f"{ort} Entropy, float softmax", "onnx", partial(_onnx, method.Entropy)),
        Quantizer(f"{ort} Percentile 99.99, float softmax", "onnx", partial(_onnx, method.Percentile)),
        Quantizer(f"{ort} MinMax, 1 layer in float", "onnx", partial(_onnx_selective, 1)),
        Quantizer(f"{ort} MinMax, 2 layers in float", "onnx", partial(_onnx_selective, 2)),
        Quantizer("fer_zoo", "onnx", _ours_onnx, ours=True),
        Quantizer("TensorFlow converter", "tflite", partial(_tflite, ())),
        Quantizer("TensorFlow converter, float softmax", "tflite", partial(_tflite, ("SOFTMAX",))),
        Quantizer("TensorFlow converter, 16x8", "tflite", _tflite_16x8),
    ]
    if importlib.util.find_spec("ai_edge_quantizer"):
        methods += [
            Quantizer("ai-edge-quantizer", "tflite", partial(_edge, "static_wi8_ai8", False)),
            Quantizer("ai-edge-quantizer, float softmax", "tflite", partial(_edge, "static_wi8_ai8", True)),
            Quantizer("ai-edge-quantizer, 16x8", "tflite", partial(_edge, "static_wi8_ai16", True)),
        ]
    return [*methods, Quantizer("fer_zoo", "tflite", _ours_tflite, ours=True)]


def _onnx(
    method: CalibrationMethod,
    models: Models,
    path: Path,
    float_softmax: bool = True,
    in_float: tuple[str, ...] = (),
) -> str:
    """ONNX Runtime's static quantizer in QDQ format, per-channel weights, unsigned activations."""
    with tempfile.TemporaryDirectory() as folder, _convert.quiet():
        ready = _ready(models, Path(folder))
        nodes = onnx.load(ready).graph.node
        quantize_static(
            str(ready),
            str(path),
            _quantize.CalibrationImages(models.images),
            quant_format=QuantFormat.QDQ,
            calibrate_method=method,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=[
                n.name for n in nodes if n.name in in_float or (float_softmax and n.op_type == "Softmax")
            ],
            extra_options={"CalibPercentile": 99.99} if method == CalibrationMethod.Percentile else {},
        )
    # Entropy calibration collects 128 bins and searches for the best 128 of them, so there is only one candidate.
    return "with its default of 128 bins the same as MinMax" if method == CalibrationMethod.Entropy else ""


def _onnx_selective(count: int, models: Models, path: Path) -> str:
    """Keep the layers in float that lose most in int8; each layer is tested alone on the calibration images."""
    classify = partial(_probabilities, models)
    with tempfile.TemporaryDirectory() as folder:
        nodes = onnx.load(_ready(models, Path(folder))).graph.node
        names = [node.name for node in nodes if node.op_type in _WEIGHTED]
        full = Path(folder) / "full.onnx"
        _convert.to_onnx(models.folded, full)
        reference = classify(full)
        divergence, columns = {}, [str(column) for column in range(reference.shape[1])]
        for name in names:
            _onnx(CalibrationMethod.MinMax, models, full, in_float=(name,))
            divergence[name] = compare(reference, classify(full), models.labels, columns).kl
    chosen = tuple(sorted(names, key=divergence.__getitem__)[:count])
    _onnx(CalibrationMethod.MinMax, models, path, in_float=chosen)
    return "in float: " + ", ".join(name.split(".")[0].split("/")[0] for name in chosen)


def _onnx_dynamic(models: Models, path: Path) -> str:
    with tempfile.TemporaryDirectory() as folder, _convert.quiet():
        # ConvInteger does not support signed weights on the CPU.
        quantize_dynamic(_ready(models, Path(folder)), path, weight_type=QuantType.QUInt8)
    return ""


def _ours_onnx(models: Models, path: Path) -> str:
    _quantize.onnx_int8(models.prepared, path, models.images)
    return ""


def _ready(models: Models, folder: Path) -> Path:
    converted, ready = folder / "float.onnx", folder / "ready.onnx"
    with _convert.quiet():
        _convert.to_onnx(models.folded, converted)
        quant_pre_process(str(converted), str(ready), skip_symbolic_shape=True)
    return ready


def _probabilities(models: Models, path: Path) -> np.ndarray:
    return load_classifier(path).predict_proba(models.images)


def _tflite(in_float: tuple[str, ...], models: Models, path: Path) -> str:
    with _tflite_files.converter(models.folded) as convert, _convert.quiet():
        convert.optimizations = [tf.lite.Optimize.DEFAULT]
        convert.representative_dataset = partial(_one_by_one, models.images)
        if in_float:
            options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(in_float))
            debugger = tf.lite.experimental.QuantizationDebugger(
                converter=convert, debug_dataset=convert.representative_dataset, debug_options=options
            )
            path.write_bytes(debugger.get_nondebug_quantized_model())
        else:
            path.write_bytes(convert.convert())
    return ""


def _tflite_16x8(models: Models, path: Path) -> str:
    operations = tf.lite.OpsSet
    with _tflite_files.converter(models.folded) as convert, _convert.quiet():
        convert.optimizations = [tf.lite.Optimize.DEFAULT]
        convert.representative_dataset = partial(_one_by_one, models.images)
        convert.target_spec.supported_ops = [
            operations.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            operations.TFLITE_BUILTINS,
        ]
        path.write_bytes(convert.convert())
    return "int16 activations"


def _edge(recipe: str, float_softmax: bool, models: Models, path: Path) -> str:
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer import recipe as recipes
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.recipe import AlgorithmName

    with tempfile.TemporaryDirectory() as folder, _convert.quiet():
        converted = Path(folder) / "float.tflite"
        _tflite_files.to_tflite(models.folded, converted)
        tool = quantizer.Quantizer(str(converted), getattr(recipes, recipe)())
        in_float = [TFLOperationName.INPUT, TFLOperationName.OUTPUT]
        for operation in [*in_float, TFLOperationName.SOFTMAX] if float_softmax else in_float:
            tool.update_quantization_recipe(".*", operation, algorithm_key=AlgorithmName.NO_QUANTIZE)
        samples: list[dict[str, Any]] = [{"image": image[None]} for image in models.images]
        result = tool.quantize(tool.calibrate({"serving_default": samples}, num_threads=1))
        path.write_bytes(bytes(result.quantized_model))
    return "int16 activations" if recipe.endswith("ai16") else ""


def _ours_tflite(models: Models, path: Path) -> str:
    _tflite_files.tflite_int8(models.prepared, path, models.images)
    return ""


def _one_by_one(images: np.ndarray) -> Iterator[list[np.ndarray]]:
    return ([image[None]] for image in images)
