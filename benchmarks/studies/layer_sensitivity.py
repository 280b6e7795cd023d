"""Measures the loss by int8 quantization of each layer.

One layer at a time of the float32 ONNX graph is quantized, its weights or its input, as a plain quantizer does it:
symmetric weights with one scale for all or one for each output channel, activations from their minimum to their
maximum. The exported int8 files are quantized better than that, see `export.quantization`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.console import track
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import compare
from fer_zoo.png import new_figure, plain_axes

from ..table import Columns, markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = {
    "per tensor": "weights, one scale",
    "per channel": "weights, a scale for each channel",
    "activations": "input, minimum to maximum",
}
_COLORS = ("#d55e00", "#0072b2", "#009e73")
_WEIGHTED = ("Conv", "Gemm", "MatMul")
_BATCH = 64


@dataclass(frozen=True)
class Cost:
    """The change of predictions when the weights or the input of a layer are quantized.

    Attributes:
        layer: Name of the operation's output in the float graph; `all` for every layer at once.
        operation: `Conv`, `depthwise Conv`, `Gemm` or `MatMul`.
        rounded: What is quantized, one of `_KINDS`.
        kl: Mean Kullback-Leibler divergence from the float predictions, in nats.
        agreement: Share of images with the same prediction as in float, 0..1.
        accuracy_change: Accuracy minus that in float, -1..1.
    """

    layer: str
    operation: str
    rounded: str
    kl: float
    agreement: float
    accuracy_change: float


@dataclass(frozen=True)
class SensitivityReport:
    """The costs of one model's layers, and the number of PublicTest images."""

    model: str
    images: int
    costs: tuple[Cost, ...]


def measure(path: Path, images: np.ndarray, labels: np.ndarray, calibration: np.ndarray) -> list[Cost]:
    """Round each layer in each way, and all layers at once.

    Args:
        path: A float32 ONNX graph on the zoo's contract.
        images: uint8 `[n, 48, 48]`, whose predictions are compared.
        labels: int `[n]`.
        calibration: uint8 `[n, 48, 48]`, from which the ranges of activations are taken.

    Raises:
        FerZooError: The graph has no layer with weights.
    """
    import onnx

    model = onnx.load(path)
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes_with_weights = [node for node in model.graph.node if node.op_type in _WEIGHTED and node.input[1] in weights]
    if not nodes_with_weights:
        raise FerZooError(f"{path} has no layer with weights of its own; is it a float32 graph?")
    ranges = _ranges(model, sorted({node.input[0] for node in nodes_with_weights}), _float(calibration))
    batch = _float(images)
    reference = _probabilities(model, batch)
    columns = [str(column) for column in range(reference.shape[1])]
    costs = []

    def add(layer: str, operation: str, nodes: list[Any], kind: str) -> None:
        candidate = _probabilities(_rounded(model, nodes, kind, weights, ranges), batch)
        parity = compare(reference, candidate, labels, columns)
        costs.append(Cost(layer, operation, kind, parity.kl, parity.argmax_agreement, parity.accuracy_delta))

    for node in track(nodes_with_weights, "layers"):
        for kind in _KINDS:
            add(node.output[0], _operation(node), [node], kind)
    for kind in _KINDS:
        add("all", "", nodes_with_weights, kind)
    return costs


def _float(images: np.ndarray) -> np.ndarray:
    return images[..., None].astype(np.float32)


def _operation(node: Any) -> str:
    group = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return "depthwise Conv" if group > 1 else node.op_type


def _rounded(model: Any, nodes: list[Any], kind: str, weights: dict[str, np.ndarray], ranges: dict) -> Any:
    import onnx
    from onnx import helper, numpy_helper

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if kind == "activations":
        for tensor in {node.input[0] for node in nodes}:
            low, high = ranges[tensor]
            scale = max(high - low, 1e-8) / 255
            constants = {"scale": np.float32(scale), "zero": np.uint8(np.clip(round(-low / scale), 0, 255))}
            names = {key: f"{tensor}/{key}" for key in constants}
            copy.graph.initializer.extend(
                numpy_helper.from_array(np.asarray(value), names[key]) for key, value in constants.items()
            )
            inputs = [names["scale"], names["zero"]]
            pair = [
                helper.make_node("QuantizeLinear", [tensor, *inputs], [f"{tensor}/quantized"]),
                helper.make_node("DequantizeLinear", [f"{tensor}/quantized", *inputs], [f"{tensor}/rounded"]),
            ]
            users = {node.output[0] for node in nodes if node.input[0] == tensor}
            first = next(i for i, node in enumerate(copy.graph.node) if node.output[0] in users)
            for node in copy.graph.node:
                if node.output[0] in users:
                    node.input[0] = f"{tensor}/rounded"
            for index, node in enumerate(pair):
                copy.graph.node.insert(first + index, node)
        return copy
    rounded = {}
    for node in nodes:
        weight = weights[node.input[1]]
        axis = None if kind == "per tensor" else _output_axis(node)
        axes = None if axis is None else tuple(i for i in range(weight.ndim) if i != axis)
        scale = np.maximum(np.abs(weight).max(axis=axes, keepdims=True), 1e-12) / 127
        rounded[node.input[1]] = (np.round(weight / scale) * scale).astype(np.float32)
    for tensor in copy.graph.initializer:
        if tensor.name in rounded:
            tensor.CopyFrom(numpy_helper.from_array(rounded[tensor.name], tensor.name))
    return copy


def _output_axis(node: Any) -> int:
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else 1


def _ranges(model: Any, tensors: list[str], images: np.ndarray) -> dict[str, tuple[float, float]]:
    """Minimum and maximum of each tensor; the range always includes 0."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {value.name for value in [*copy.graph.output, *copy.graph.input]}
    extra = [tensor for tensor in tensors if tensor not in known]
    copy.graph.output.extend(onnx.ValueInfoProto(name=tensor) for tensor in extra)
    session = _session(copy)
    source = session.get_inputs()[0].name
    ranges = {tensor: (0.0, 0.0) for tensor in tensors}
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        values = dict(zip(extra, session.run(extra, {source: batch}), strict=True)) | {source: batch}
        for tensor, (low, high) in ranges.items():
            ranges[tensor] = min(low, float(values[tensor].min())), max(high, float(values[tensor].max()))
    return ranges


def _probabilities(model: Any, images: np.ndarray) -> np.ndarray:
    session = _session(model)
    source = session.get_inputs()[0].name
    starts = range(0, len(images), _BATCH)
    return np.concatenate([session.run(None, {source: images[start : start + _BATCH]})[0] for start in starts])


def _session(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # With optimization, a graph with quantized activations and float weights gives wrong predictions (1.32: KL 0.87
    # from float for mobilenet_face instead of 0.001).
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


_COLUMNS: Columns[Cost] = [
    ("layer", lambda cost: cost.layer),
    ("operation", lambda cost: cost.operation),
    ("rounded", lambda cost: cost.rounded),
    ("KL, nats", lambda cost: f"{cost.kl:.2e}"),
    ("agreement", lambda cost: f"{100 * cost.agreement:.2f} %"),
    ("Δ accuracy, points", lambda cost: f"{100 * cost.accuracy_change:+.2f}"),
]


def summary(costs: Sequence[Cost]) -> str:
    """Two sentences: the layer that loses most by quantization, and the loss of all layers together."""
    worst = max((cost for cost in costs if cost.layer != "all"), key=lambda cost: cost.kl)
    totals = {cost.rounded: cost for cost in costs if cost.layer == "all"}
    parts = "; ".join(f"{kind} {100 * cost.agreement:.2f} %" for kind, cost in totals.items())
    return (
        f"Of the layers rounded alone, **{worst.layer}** ({worst.operation}, {worst.rounded}) does most harm: "
        f"{100 * worst.agreement:.2f} % of the predictions agree with float32. With all layers rounded: {parts}."
    )


def to_markdown(report: SensitivityReport, plot: str) -> str:
    """The page; `plot` is the file name of its picture."""
    kinds = "; ".join(f"{kind}: {meaning}" for kind, meaning in _KINDS.items())
    sections = [
        f"# {report.model}: sensitivity of each layer to int8",
        f"One layer of the float32 graph at a time is rounded as a plain quantizer would, and compared with float on "
        f"{report.images:,} images of PublicTest ({kinds}). {summary(report.costs)}",
        f"![Divergence by layer]({plot})",
        markdown_table(_COLUMNS, report.costs, left=["operation", "rounded"]),
    ]
    return "\n\n".join(sections) + "\n"


def plot_costs(costs: Sequence[Cost], name: str) -> Figure:
    """Divergence from float by layer, a line for each kind of rounding."""
    layers = list(dict.fromkeys(cost.layer for cost in costs))
    operations = {cost.layer: cost.operation for cost in costs}
    figure = new_figure(max(8, 2 + 0.3 * len(layers)), 6)
    axes = figure.subplots()
    for kind, color in zip(_KINDS, _COLORS, strict=True):
        values = {cost.layer: max(cost.kl, 1e-9) for cost in costs if cost.rounded == kind}
        axes.plot(range(len(layers) - 1), [values[layer] for layer in layers[:-1]], "o-", color=color, label=kind)
        axes.plot(len(layers) - 1, values["all"], "D", color=color)
    axes.set_yscale("log")
    axes.set_ylabel("mean KL divergence from float, nats")
    axes.set_xticks(
        range(len(layers)), [layer.rsplit(".", 1)[0] for layer in layers], rotation=70, ha="right", fontsize=7
    )
    for label, layer in zip(axes.get_xticklabels(), layers, strict=True):
        label.set_fontweight("bold" if operations[layer] == "depthwise Conv" else "normal")
    axes.set_title(f"{name}: one layer rounded to eight bits; depthwise ones in bold", fontsize=11)
    plain_axes(axes, grid="y")
    axes.legend(frameon=False)
    return figure
