"""Prepares a folded Keras model so that it loses little in int8: equalization, rounding, matching added constants.

The quantizers of ONNX Runtime and TFLite then run with their usual settings (minimum and maximum of each tensor, int8
weights with a scale for each output channel), on a model whose weights are multiples of their int8 step already.

Measured on PublicTest, ONNX int8 against float, calibrated on 512 training images. A is baseline_cnn trained with
augmentation, B without, which is overconfident. Calibration on percentiles of the activations was worse, on entropy
equal; 128 or 1,024 images made no difference:

|                            | A: agreement   | A: mean KL | B: agreement   | B: mean KL |
| -------------------------- | -------------: | ---------: | -------------: | ---------: |
| folded, plainly quantized  |         96.7 % |     0.0042 |         91.6 % |     0.0219 |
| all three steps            |         98.8 % |     0.0005 |         97.4 % |     0.0019 |
| without equalization       |         98.6 % |     0.0007 |         97.4 % |     0.0024 |
| without shared scales      |         96.3 % |     0.0036 |         96.1 % |     0.0062 |
| without GPTQ               |         98.3 % |     0.0010 |         96.7 % |     0.0037 |
| three steps, 99.99 centile |         98.5 % |     0.0011 |         96.4 % |     0.0068 |
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
from keras import layers

from .folding import WEIGHTED, Affine, Call, call_with, kernels_and_bias, rebuild, scale_output, trace

_BATCH = 32
# Second moments of more inputs take minutes and gigabytes; such a layer is rounded to nearest.
_MOST_INPUTS = 8192
# Positions in the maps of a batch that second moments are computed from; efficientnet_lite0 has 74,000 in its first.
# From all of them, int8 fernet_tiny agreed with float on 99.0 % of PublicTest instead of 98.9.
_MOST_POSITIONS = 16384
_HOMOGENEOUS = (
    layers.MaxPooling2D,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    Affine,
)


# Smaller weights count as zero: the product of two such scales is below float32's range.
_NOTHING = 1e-15

# Which sums of two weights stay within 8 bits: `row_limits`.
Pairs = Literal["none", "neighbours", "any"]
# Weights, float64 `[outputs, inputs]`, and the second moment of their inputs, to rounded weights.
Rounding = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SharedScale:
    """An added constant whose input and output need the same int8 step, so that the addition is exact in integers.

    Attributes:
        constant: float32 `[channels]`, multiples of the step.
        before: Range of the input, including 0.
        after: Range of the output, including 0 and as wide.
    """

    constant: np.ndarray
    before: tuple[float, float]
    after: tuple[float, float]


@dataclass(frozen=True)
class Prepared:
    """A model ready for an int8 quantizer, with the ranges that the quantizer must use for some tensors."""

    model: keras.Model
    shared_scales: tuple[SharedScale, ...]


def prepare(model: keras.Model, images: np.ndarray) -> Prepared:
    """Prepare a folded model for static int8, in any format.

    1. Equalization (Nagel et al. 2019, arXiv:1906.04721): ReLU and pooling commute with a positive scale for each
       channel, which evens out the ranges that one int8 scale has to cover. So do the additions of a residual network,
       where all that is added has the same scale. Exact in float.
    2. An added constant is rounded to the int8 step of its input; the next bias compensates for the rounding. In a
       channel that is mostly 0 after its ReLU, every pixel would otherwise have the same error.
    3. Rounding of weights one after the other, each making up for the errors of those before it on real inputs (GPTQ,
       Frantar et al. 2022, arXiv:2210.17323), and a bias that compensates for the rest of the mean error: in dense
       layers, convolutions without groups, and depthwise ones. Sums of neighbours are limited: `row_limits`.

    Args:
        model: A model that `fold` returned.
        images: Calibration images, float32 `[n, 48, 48, 1]` in 0..255.
    """
    model = _equalized(model, images)
    model, shared_scales = _with_exact_shifts(model, images)

    def rounding_of(layer: Any) -> Rounding:
        # Depthwise kernels multiply in 16 bits and add in 32.
        depthwise = type(layer) is layers.DepthwiseConv2D
        return partial(round_to_int8, pairs="none" if depthwise else pairs_of(layer.kernel.shape[-2]))

    return Prepared(_rounded(model, images, rounding_of), shared_scales)


@dataclass(frozen=True)
class _Chain:
    """Two layers with weights; all operations between them commute with a positive scale for each channel."""

    first: Any
    between: tuple[Call, ...]
    last: Any
    tensor: keras.KerasTensor


@dataclass(frozen=True)
class _Stream:
    """Tensors that must have the same scale because they are added: the layers that write and read them.

    `between` are the operations among them, which commute with a positive scale for each channel.
    """

    writers: tuple[Any, ...]
    between: tuple[Any, ...]
    readers: tuple[Any, ...]
    tensors: tuple[keras.KerasTensor, ...]


def equal(found: np.ndarray | None, constant: np.ndarray) -> bool:
    """Whether an array, where there is one, is a constant up to the rounding of float32."""
    return found is not None and found.shape == constant.shape and bool(np.allclose(found, constant, rtol=1e-6))


def _equalized(model: keras.Model, images: np.ndarray) -> keras.Model:
    calls, copy = trace(model)
    chains = [
        _Stream((chain.first,), tuple(call.operation for call in chain.between), (chain.last,), (chain.tensor,))
        for chain in _chains(calls)
    ]
    before: dict[int, np.ndarray] = {}
    after: dict[int, np.ndarray] = {}
    streams = [*chains, *_streams(calls)]
    ranges = iter(_ranges(copy, [tensor for stream in streams for tensor in stream.tensors], images))
    for stream in streams:
        spread = np.max([high - low for _, (low, high) in zip(stream.tensors, ranges, strict=False)], axis=0)
        quiet = spread < 1e-3 * spread.max()
        scale = np.sqrt(spread.max() / np.where(quiet, spread.max(), spread))
        before |= {id(operation): 1 / scale for operation in stream.readers}
        after |= {id(operation): scale for operation in (*stream.writers, *stream.between)}

    def replaced(operation: Any, *args: Any, **kwargs: Any) -> Any:
        key = id(operation)
        if isinstance(operation, Affine) and key in after:
            return Affine(shift=operation.shift * after[key])(*args, **kwargs)
        if type(operation) in WEIGHTED and (key in before or key in after):
            *kernels, bias = kernels_and_bias(operation)
            if key in before:
                kernels[0] = kernels[0] * before[key][:, None]
            if key in after:
                kernels, bias = scale_output(kernels, after[key]), bias * after[key]
            return call_with(operation, kernels, bias, *args)
        return operation(*args, **kwargs)

    return rebuild(model, replaced)


def _with_exact_shifts(model: keras.Model, images: np.ndarray) -> tuple[keras.Model, tuple[SharedScale, ...]]:
    calls, copy = trace(model)
    shifts_in_chains = [
        (call, chain)
        for chain in _chains(calls)
        for call in chain.between
        if isinstance(call.operation, Affine) and type(chain.last) in (layers.Conv2D, layers.Dense)
    ]
    tensors = [tensor for call, _ in shifts_in_chains for tensor in (call.inputs[0], call.outputs[0])]
    ranges = [(min(0.0, low.min()), max(0.0, high.max())) for low, high in _ranges(copy, tensors, images)]
    shifts: dict[int, np.ndarray] = {}
    corrections: dict[int, np.ndarray] = {}
    shared = []
    for (affine, chain), before, after in zip(shifts_in_chains, ranges[::2], ranges[1::2], strict=True):
        width = max(before[1] - before[0], after[1] - after[0])
        step = width / 255
        shift = affine.operation.shift.astype(np.float64)
        rounded = np.round(shift / step) * step
        kernel = kernels_and_bias(chain.last)[0]
        corrections[id(chain.last)] = (shift - rounded) @ kernel.sum(tuple(range(kernel.ndim - 2)))
        shifts[id(affine.operation)] = rounded
        low = np.floor(after[0] / step) * step
        shared.append(
            SharedScale(rounded.astype(np.float32), (before[0], before[0] + width), (float(low), float(low) + width))
        )

    def replaced(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if id(operation) in shifts:
            return Affine(shift=shifts[id(operation)])(*args, **kwargs)
        if id(operation) in corrections:
            *kernels, bias = kernels_and_bias(operation)
            return call_with(operation, kernels, bias + corrections[id(operation)], *args)
        return operation(*args, **kwargs)

    return rebuild(model, replaced), tuple(shared)


def prepare_half(model: keras.Model, images: np.ndarray) -> keras.Model:
    """Prepare a folded model for float16 weights: step 3 of `prepare`, on the grid of float16."""
    return _rounded(model, images, lambda _: round_to_half)


def pairs_of(channels: int) -> Pairs:
    """Which weights' products are added in 16 bits, for a number of input channels."""
    return "any" if channels % 2 else "neighbours"


def row_limits(weights: np.ndarray, pairs: Pairs) -> np.ndarray:
    """The largest absolute value of each row, of its weights alone or of sums of two too.

    On x86 processors without VNNI, the int8 kernels of ONNX Runtime and OpenVINO add two products of an unsigned and a
    signed byte in 16 bits and saturate: there, efficientnet_lite0 predicted another expression for 7 % of the faces.
    If no two weights whose products are added exceed 127 steps together, no sum overflows (255 times 128 is less than
    2¹⁵), and predictions are the same on every processor.

    With an even number of channels, products of neighbouring channels are added. Otherwise it depends on the runtime:
    OpenVINO reads the 3x3 kernel of a gray image column by column with AVX-512, which alone changed fernet_nano's
    prediction for 19 % of the faces.

    Args:
        weights: float `[outputs, inputs]`, neighbours being inputs 0 and 1, 2 and 3, and so on.
        pairs: Which sums are limited: none, of neighbours, or of any two.

    Returns:
        float `[outputs]`: 127 steps of an int8 scale.
    """
    limits = np.abs(weights).max(1)
    return limits if pairs == "none" else np.maximum(limits, np.abs(_largest_sums(weights, pairs)[0]))


def int8_scales(limits: np.ndarray) -> np.ndarray:
    """The int8 scale of each row, float64 `[outputs]`, of its limit; 1/127 for a row of nothing that counts.

    Rows that weight decay has brought near 0 would have a scale whose product with another is 0 in float32.
    """
    return np.where(limits > _NOTHING, limits, 1) / 127


def _largest_sums(weights: np.ndarray, pairs: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sum of two weights that is farthest from 0, with its sign, and the columns of the two, each `[outputs]`."""
    rows = np.arange(len(weights))
    alone = np.pad(weights, ((0, 0), (0, 1)))  # A weight that has no other.
    if pairs == "neighbours":
        sums = np.add.reduceat(weights, np.arange(0, weights.shape[1], 2), axis=1)
        first = 2 * np.abs(sums).argmax(1)
        return sums[rows, first // 2], first, first + 1
    order = np.argsort(alone, axis=1, kind="stable")
    first, second = order[:, [-1, 0]], order[:, [-2, 1]]
    sums = np.take_along_axis(alone, first, 1) + np.take_along_axis(alone, second, 1)
    sign = np.abs(sums).argmax(1)
    return sums[rows, sign], first[rows, sign], second[rows, sign]


def round_to_int8(weights: np.ndarray, second_moment: np.ndarray, pairs: Pairs = "none") -> np.ndarray:
    """Round to 8 bits with one scale for each row so that the row's products with its inputs change little.

    Args:
        weights: float64 `[outputs, inputs]`.
        second_moment: float64 `[inputs, inputs]`, the mean of x·xᵀ over inputs x.
        pairs: Which sums of two weights stay within 8 bits too: `row_limits`.

    Returns:
        float64 `[outputs, inputs]`, whole multiples (-127..127) of each row's limit over 127; the result has the same
        limits, so that a quantizer finds the same scale.
    """
    limits = row_limits(weights, pairs)
    scale = int8_scales(limits)
    whole = np.round(weights / scale[:, None])
    # The weights that set the limit are not changed: the largest one, or two neighbours.
    rows, largest = np.arange(len(weights)), np.abs(weights).argmax(1)
    fixed = np.zeros(weights.shape, bool)
    fixed[rows, largest] = True
    if pairs != "none":
        sums, first, second = _largest_sums(weights, pairs)
        by_pair = np.abs(weights[rows, largest]) < limits
        rows, largest, first, second = (values[by_pair] for values in (rows, largest, first, second))
        fixed[rows, largest] = False
        fixed[rows, first] = fixed[rows, second] = True
        whole[rows, second] = 127 * np.sign(sums[by_pair]) - whole[rows, first]

    def nearest(values: np.ndarray, column: int, result: np.ndarray) -> np.ndarray:
        most, least = _beside(np.where(fixed, whole, np.round(result / scale[:, None])), column, pairs)
        rounded = np.where(fixed[:, column], whole[:, column], np.round(values / scale))
        return np.clip(rounded, np.maximum(-127, -127 - least), np.minimum(127, 127 - most)) * scale

    return _compensated(weights, second_moment, nearest)


def _beside(steps: np.ndarray, column: int, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """The highest and the lowest of the weights that a column's meet, 0 where there is none, each `[outputs]`."""
    if pairs == "neighbours":
        steps = steps[:, [column ^ 1]] if column ^ 1 < steps.shape[1] else steps[:, :0]
    elif pairs == "any":
        steps = np.delete(steps, column, axis=1)
    else:
        steps = steps[:, :0]
    return steps.max(1, initial=0), steps.min(1, initial=0)


def round_to_half(weights: np.ndarray, second_moment: np.ndarray) -> np.ndarray:
    """Round to float16 so that each row's products with its inputs change little; arguments as in `round_to_int8`."""
    return _compensated(weights, second_moment, lambda values, *_: values.astype(np.float16).astype(np.float64))


def _compensated(
    weights: np.ndarray,
    second_moment: np.ndarray,
    nearest: Callable[[np.ndarray, int, np.ndarray], np.ndarray],
) -> np.ndarray:
    """GPTQ: round column by column; the columns that remain make up for the error.

    `nearest` rounds the values of a column; its arguments are these, the number of the column, and the result so far,
    which is 0 in the columns that remain.
    """
    count = weights.shape[1]
    diagonal = np.diag(second_moment)
    order = np.argsort(-diagonal, kind="stable")
    damped = second_moment + (0.01 * diagonal.mean() + 1e-12) * np.eye(count)
    # Row j of the factor U of the inverse UᵀU: how the later columns compensate best for an error in column j.
    factor = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    remaining = weights[:, order]
    result = np.zeros_like(weights)
    for j, column in enumerate(order):
        result[:, column] = nearest(remaining[:, j], column, result)
        error = (remaining[:, j] - result[:, column]) / factor[j, j]
        remaining[:, j + 1 :] -= np.outer(error, factor[j, j + 1 :])
    return result


def _rounded(model: keras.Model, images: np.ndarray, rounding_of: Callable[[Any], Rounding]) -> keras.Model:
    """The model with its weights rounded; `rounding_of` chooses for each layer how."""
    calls, copy = trace(model)
    chosen = [call for call in calls if _has_matrix(call.operation)]
    moments = _moments(copy, chosen, images)

    def replaced(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if id(operation) not in moments:
            return operation(*args, **kwargs)
        second, mean = moments[id(operation)]
        kernel, bias = kernels_and_bias(operation)
        weights, rounding = _matrices(operation, kernel), rounding_of(operation)
        rounded = np.stack([rounding(matrix, moment) for matrix, moment in zip(weights, second, strict=True)])
        change = ((weights - rounded) @ mean[..., None]).reshape(-1)
        return call_with(operation, [_kernel(operation, rounded, kernel.shape)], bias + change, *args)

    return rebuild(model, replaced)


def _has_matrix(layer: Any) -> bool:
    """Whether a layer is one matrix for all outputs, or one for each channel, of at most `_MOST_INPUTS` inputs."""
    if type(layer) is layers.DepthwiseConv2D:
        return True
    matrix = type(layer) is layers.Dense or (type(layer) is layers.Conv2D and layer.groups == 1)
    return matrix and math.prod(layer.kernel.shape[:-1]) <= _MOST_INPUTS


def _matrices(layer: Any, kernel: np.ndarray) -> np.ndarray:
    """A kernel as `[groups, outputs, inputs]`: one group, or one for each channel of a depthwise convolution."""
    if type(layer) is layers.DepthwiseConv2D:
        return kernel.reshape(-1, *kernel.shape[2:]).transpose(1, 2, 0)
    return kernel.reshape(-1, kernel.shape[-1]).T[None]


def _kernel(layer: Any, matrices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of `_matrices`."""
    if type(layer) is layers.DepthwiseConv2D:
        return matrices.transpose(2, 0, 1).reshape(shape)
    return matrices[0].T.reshape(shape)


def _chains(calls: list[Call]) -> list[_Chain]:
    readers: dict[int, list[Call]] = {}
    times: dict[int, int] = {}
    for call in calls:
        times[id(call.operation)] = times.get(id(call.operation), 0) + 1
        for tensor in call.inputs:
            readers.setdefault(id(tensor), []).append(call)
    chains = []
    for start in calls:
        if type(start.operation) not in WEIGHTED or times[id(start.operation)] > 1:
            continue
        if start.operation.activation not in (keras.activations.linear, keras.activations.relu):
            continue
        tensor = start.outputs[0]
        between: list[Call] = []
        while len(following := readers.get(id(tensor), [])) == 1:
            call = following[0]
            if times[id(call.operation)] > 1:
                break
            if type(call.operation) in WEIGHTED and getattr(call.operation, "groups", 1) == 1:
                chains.append(_Chain(start.operation, tuple(between), call.operation, tensor))
                break
            if not _is_homogeneous(call.operation):
                break
            between.append(call)
            tensor = call.outputs[0]
    return chains


def _streams(calls: list[Call]) -> list[_Stream]:
    """Every set of tensors that additions tie together, written and read by weighted layers alone."""
    ties = [call for call in calls if type(call.operation) is layers.Add or _is_homogeneous(call.operation)]
    group: dict[int, int] = {}
    for call in ties:
        tied = [id(tensor) for tensor in (*call.inputs, *call.outputs)]
        joined = {group.get(key, key) for key in tied}
        group |= {key: tied[0] for key in (*tied, *(other for other, name in group.items() if name in joined))}
    times = Counter(id(call.operation) for call in calls)
    streams = []
    for name in dict.fromkeys(group.values()):
        between = [call for call in ties if group[id(call.outputs[0])] == name]
        writers = [call for call in calls if group.get(id(call.outputs[0])) == name and call not in between]
        readers = [
            call
            for call in calls
            if call not in between and any(group.get(id(tensor)) == name for tensor in call.inputs)
        ]
        sound = all(type(call.operation) in WEIGHTED for call in (*writers, *readers))
        sound = sound and all(times[id(call.operation)] == 1 for call in (*writers, *between, *readers))
        sound = sound and all(getattr(call.operation, "groups", 1) == 1 for call in readers)
        linear = (keras.activations.linear, keras.activations.relu)
        sound = sound and all(call.operation.activation in linear for call in writers)
        if sound and writers and readers and any(type(call.operation) is layers.Add for call in between):
            tensors = {id(tensor): tensor for call in (*writers, *between) for tensor in call.outputs}
            parts = [tuple(call.operation for call in part) for part in (writers, between, readers)]
            streams.append(_Stream(parts[0], parts[1], parts[2], tuple(tensors.values())))
    return streams


def _is_homogeneous(operation: Any) -> bool:
    """Whether an operation commutes with a positive scale for each channel, which its added constant takes too."""
    if type(operation) is layers.ReLU:
        return operation.max_value is None and not operation.negative_slope and not operation.threshold
    return type(operation) in _HOMOGENEOUS and getattr(operation, "multiplier", None) is None


def _ranges(
    model: keras.Model, tensors: list[keras.KerasTensor], images: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Minimum and maximum of each channel of each tensor."""
    ranges: list[tuple[np.ndarray, np.ndarray]] = []
    for values in _values(model, tensors, images):
        axes = [tuple(range(value.ndim - 1)) for value in values]
        batch = [(value.min(axis), value.max(axis)) for value, axis in zip(values, axes, strict=True)]
        ranges = [
            (np.minimum(low, new_low), np.maximum(high, new_high))
            for (low, high), (new_low, new_high) in zip(ranges or batch, batch, strict=True)
        ]
    return ranges


def _moments(model: keras.Model, calls: list[Call], images: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Second moment `[groups, inputs, inputs]` and mean `[groups, inputs]` of the inputs of each layer's weights."""
    sums: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    counts: dict[int, int] = {}
    for values in _values(model, [call.inputs[0] for call in calls], images):
        for call, value in zip(calls, values, strict=True):
            rows = _patches(call.operation, value)
            second, first = sums.get(id(call.operation), (np.float64(0), np.float64(0)))
            sums[id(call.operation)] = second + rows.transpose(0, 2, 1) @ rows, first + rows.sum(1, np.float64)
            counts[id(call.operation)] = counts.get(id(call.operation), 0) + rows.shape[1]
    return {key: (second / counts[key], first / counts[key]) for key, (second, first) in sums.items()}


def _patches(layer: Any, value: np.ndarray) -> np.ndarray:
    """The inputs of a layer's weights, float32 `[groups, n, inputs]`, at positions spread over large maps."""
    if type(layer) is layers.Dense:
        return value.reshape(1, -1, value.shape[-1])
    sizes = [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    if layer.padding == "same":
        lacking = [
            max((-(-length // stride) - 1) * stride + size - length, 0)
            for length, stride, size in zip(value.shape[1:3], layer.strides, sizes, strict=True)
        ]
        value = np.pad(value, [(0, 0), *((n // 2, n - n // 2) for n in lacking), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(value, sizes, axis=(1, 2))
    (down, right), (tall, wide) = layer.strides, layer.dilation_rate
    windows = windows[:, ::down, ::right, :, ::tall, ::wide]
    count = math.prod(windows.shape[:3])
    chosen = np.unravel_index(np.linspace(0, count - 1, min(count, _MOST_POSITIONS)).astype(int), windows.shape[:3])
    rows = windows[chosen]
    if type(layer) is layers.DepthwiseConv2D:
        return rows.transpose(1, 0, 2, 3).reshape(value.shape[-1], len(rows), -1)
    return rows.transpose(0, 2, 3, 1).reshape(1, len(rows), -1)


def _values(model: keras.Model, tensors: list[keras.KerasTensor], images: np.ndarray) -> Iterator[list[np.ndarray]]:
    """The values of some of the model's tensors, batch by batch."""
    if not tensors:
        return
    probe = keras.Model(model.input, tensors)
    for start in range(0, len(images), _BATCH):
        outputs = probe.predict_on_batch(images[start : start + _BATCH])
        yield [np.asarray(value) for value in (outputs if isinstance(outputs, list) else [outputs])]
