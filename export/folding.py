"""Simplifies a Keras model for inference, exactly: constant scales and shifts are merged into weights beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
WEIGHTED = (*CONVOLUTIONS, layers.Dense)
_IDENTITIES = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout)
_AVERAGES = (layers.AveragePooling2D, layers.GlobalAveragePooling2D)
_MAXIMA = (layers.MaxPooling2D, layers.GlobalMaxPooling2D)


@dataclass(frozen=True)
class Call:
    """One operation of a functional model on symbolic tensors."""

    operation: Any
    inputs: tuple[keras.KerasTensor, ...]
    outputs: tuple[keras.KerasTensor, ...]


def fold(model: keras.Model) -> keras.Model:
    """Build a model with the same outputs and fewer operations.

    Rescaling and inference-time batch normalization are a scale and a shift for each channel. They move

    - backward into a convolution or dense layer that is linear, or, a positive scale alone, through its ReLU:
      s·max(x, 0) = max(s·x, 0);
    - forward through pooling (max pooling keeps the order of values only if the scale is positive);
    - forward into the next convolution or dense layer; the shift only where that layer pads nothing, since padded zeros
      would have to be shifted too.

    A gray image that is repeated in three channels is replaced by one channel; the kernel that reads it is summed.

    Average pooling before a 1x1 convolution becomes part of that, as in the shortcut of ResNet-D: in int8 ONNX Runtime
    took 48 µs for the two operations of fernet_tiny's first shortcut, and takes 14 µs for the one.

    A shift that cannot move stays as an addition after the pooling, on a quarter of the values. Dropout and noise are
    removed. The outputs equal those of the original up to the rounding of float32.

    Args:
        model: Functional or sequential; its layers are shared with the result, its weights stay unchanged.
    """
    return _Folding(model).model


class Affine(layers.Layer):
    """`inputs * scale + shift` with constants for each channel, either left out where it does nothing."""

    def __init__(self, scale: np.ndarray | None = None, shift: np.ndarray | None = None) -> None:
        super().__init__()
        self.multiplier = None if scale is None or np.all(scale == 1) else scale.astype(np.float32)
        self.shift = None if shift is None or np.all(shift == 0) else shift.astype(np.float32)

    def call(self, inputs: Any) -> Any:
        # torch traces no arithmetic with arrays of NumPy.
        if self.multiplier is not None:
            inputs = inputs * keras.ops.convert_to_tensor(self.multiplier)
        return inputs if self.shift is None else inputs + keras.ops.convert_to_tensor(self.shift)


def trace(model: keras.Model) -> tuple[list[Call], keras.Model]:
    """Every operation of a model in order of execution, nested models as one, on the tensors of the returned copy."""
    calls: list[Call] = []

    def record(operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = operation(*args, **kwargs)
        calls.append(Call(operation, tuple(_tensors((args, kwargs))), tuple(_tensors(outputs))))
        return outputs

    copy = rebuild(model, record)
    return calls, copy


def rebuild(model: keras.Model, call: Callable[..., Any], image: keras.KerasTensor | None = None) -> keras.Model:
    """A copy of a functional or sequential model in which `call(operation, *arguments)` stands for each call.

    `image` replaces its one input, unless it is `None`.
    """
    inputs, outputs = (tensors[0] if len(tensors) == 1 else tensors for tensors in (model.inputs, model.outputs))
    functional = keras.Model(inputs, outputs, name=model.name)
    return keras.models.clone_model(functional, image, clone_function=lambda layer: layer, call_function=call)


def call_with(layer: Any, kernels: list[np.ndarray], bias: np.ndarray, inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Call a copy of a convolution or dense layer that has these weights."""
    copy = type(layer).from_config(layer.get_config() | {"use_bias": True})
    outputs = copy(inputs)
    copy.set_weights([array.astype(np.float32) for array in (*kernels, bias)])
    return outputs


def kernels_and_bias(layer: Any) -> list[np.ndarray]:
    """The weights of a convolution or dense layer as float64, the bias last (zeros where the layer has none)."""
    weights = [np.asarray(weight, np.float64) for weight in layer.get_weights()]
    if layer.use_bias:
        return weights
    last = weights[-1].shape
    channels = last[-2] * last[-1] if type(layer) is layers.DepthwiseConv2D else last[-1]
    return [*weights, np.zeros(channels)]


def scale_output(kernels: list[np.ndarray], scale: np.ndarray) -> list[np.ndarray]:
    """Scale the output channels; the last kernel makes them, on its last axis or, depthwise, on its last two."""
    last = kernels[-1]
    return [*kernels[:-1], last * (scale if last.shape[-1] == len(scale) else scale.reshape(last.shape[-2:]))]


@dataclass(frozen=True)
class _Pending:
    """The value `tensor * scale + shift`, not computed yet; `scale` and `shift` are float64 `[channels]`.

    A tensor of one channel is repeated in as many as there are scales.
    """

    tensor: keras.KerasTensor
    scale: np.ndarray
    shift: np.ndarray

    def then(self, scale: np.ndarray, shift: np.ndarray) -> _Pending:
        return _Pending(self.tensor, self.scale * scale, self.shift * scale + shift)

    @property
    def repeats(self) -> int:
        return len(self.scale) // self.tensor.shape[-1]

    def computed(self) -> keras.KerasTensor:
        layer = Affine(self.scale, self.shift)
        if layer.multiplier is not None or layer.shift is not None:
            return layer(self.tensor)
        return self.tensor if self.repeats == 1 else layers.Concatenate()([self.tensor] * self.repeats)


class _Folding:
    def __init__(self, model: keras.Model) -> None:
        calls, copy = trace(model)
        times = Counter(id(call.operation) for call in calls)
        readers = Counter(id(tensor) for call in calls for tensor in call.inputs)
        makers = {id(tensor): call.operation for call in calls for tensor in call.outputs}
        self._once = {key for key, count in times.items() if count == 1}
        # The output of the model must be a tensor: nothing may stay pending there.
        self._last = {id(makers[id(tensor)]) for tensor in copy.outputs if id(tensor) in makers}
        # Normalizations that are the only reader of their input, by the id of the layer that makes that input.
        self._normalizations = {
            id(makers[id(call.inputs[0])]): call.operation
            for call in calls
            if type(call.operation) is layers.BatchNormalization
            and id(call.operation) in self._once
            and id(call.inputs[0]) in makers
            and readers[id(call.inputs[0])] == 1
            and id(makers[id(call.inputs[0])]) not in self._last
        }
        # Average poolings that only a 1x1 convolution reads, by the id of that convolution.
        self._pools = {
            id(call.operation): makers[id(call.inputs[0])]
            for call in calls
            if _is_pointwise(call.operation)
            and id(call.operation) in self._once
            and readers[id(call.inputs[0])] == 1
            and _tiles(makers.get(id(call.inputs[0])))
            and id(makers[id(call.inputs[0])]) in self._once - self._last
        }
        self._absorbed: set[int] = {id(pool) for pool in self._pools.values()}
        self.model = rebuild(model, self._call)

    def _call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        result = self._moved(operation, args[0]) if args and _is_value(args[0]) else None
        if args and type(operation) is layers.Concatenate:
            result = _repeated(operation, args[0])
        if result is None:
            if isinstance(operation, keras.Model) and getattr(operation, "inputs", None):
                operation = fold(operation)
            args, kwargs = keras.tree.map_structure(_computed, (args, kwargs))
            result = operation(*args, **kwargs)
        return _computed(result) if id(operation) in self._last else result

    def _moved(self, operation: Any, value: Any) -> Any:
        """The result of an operation that accepts or returns a pending value, `None` for any other operation."""
        kind = type(operation)
        if getattr(operation, "data_format", "channels_last") != "channels_last":
            return None
        if kind in _IDENTITIES or id(operation) in self._absorbed:
            return value
        if kind is layers.Rescaling:
            return _as_pending(value).then(np.asarray(operation.scale, float), np.asarray(operation.offset, float))
        if kind is layers.BatchNormalization and operation.axis in (-1, len(_as_pending(value).tensor.shape) - 1):
            return _as_pending(value).then(*_scale_and_shift(operation))
        if kind in _AVERAGES or (kind in _MAXIMA and np.all(_as_pending(value).scale > 0)):
            pending = _as_pending(value)
            return _Pending(operation(pending.tensor), pending.scale, pending.shift)
        if kind in WEIGHTED and id(operation) in self._once:
            return self._weighted(operation, _as_pending(value))
        return None

    def _weighted(self, layer: Any, value: _Pending) -> Any:
        """A convolution or dense layer, with the pending value before it and the normalization after it merged in."""
        normalization = self._normalizations.get(id(layer))
        *kernels, bias = kernels_and_bias(layer)
        if id(layer) in self._pools:
            layer, kernels = _with_pool(layer, self._pools[id(layer)], kernels)
        kernels, bias, value = _take_input(layer, kernels, bias, value)
        shift = np.zeros_like(bias)
        if normalization is not None:
            scale, offset = _scale_and_shift(normalization)
            if layer.activation is keras.activations.linear:
                kernels, bias = scale_output(kernels, scale), bias * scale + offset
                self._absorbed.add(id(normalization))
            elif layer.activation is keras.activations.relu and np.all(scale > 0):
                kernels, bias, shift = scale_output(kernels, scale), bias * scale, offset
                self._absorbed.add(id(normalization))
        return _Pending(call_with(layer, kernels, bias, value.computed()), np.ones_like(bias), shift)


def _repeated(operation: layers.Concatenate, values: Any) -> _Pending | None:
    """The concatenation of one channel with itself as a pending value, which needs no operation."""
    first = _as_pending(values[0])
    if any(value is not values[0] for value in values) or len(first.scale) != 1:
        return None
    if operation.axis not in (-1, len(first.tensor.shape) - 1):
        return None
    return _Pending(first.tensor, np.tile(first.scale, len(values)), np.tile(first.shift, len(values)))


def _is_pointwise(operation: Any) -> bool:
    return type(operation) is layers.Conv2D and (operation.kernel_size, operation.strides) == ((1, 1), (1, 1))


def _tiles(operation: Any) -> bool:
    """Whether an operation is an average pooling whose windows do not overlap."""
    is_pool = type(operation) is layers.AveragePooling2D
    return is_pool and operation.padding == "valid" and tuple(operation.pool_size) == tuple(operation.strides)


def _with_pool(
    layer: layers.Conv2D, pool: layers.AveragePooling2D, kernels: list[np.ndarray]
) -> tuple[layers.Conv2D, list[np.ndarray]]:
    """The 1x1 convolution `layer` on what `pool` averages, as one convolution of the pool's size."""
    size = tuple(pool.pool_size)
    changes = {"kernel_size": size, "strides": size, "padding": "valid"}
    return type(layer).from_config(layer.get_config() | changes), [np.tile(kernels[0] / np.prod(size), (*size, 1, 1))]


def _take_input(
    layer: Any, kernels: list[np.ndarray], bias: np.ndarray, value: _Pending
) -> tuple[list[np.ndarray], np.ndarray, _Pending]:
    """Move a pending scale, and the shift where it is exact, into the weights."""
    first = kernels[0]
    shifted = np.any(value.shift != 0)
    if getattr(layer, "groups", 1) != 1 or (value.repeats > 1 and type(layer) is not layers.Conv2D):
        return kernels, bias, value
    if shifted and not _pads(layer, first) and type(layer) is not layers.SeparableConv2D:
        if type(layer) is layers.DepthwiseConv2D:
            bias = bias + (first.sum((0, 1)) * value.shift[:, None]).ravel()
        else:
            bias = bias + value.shift @ first.sum(tuple(range(first.ndim - 2)))
    elif shifted and np.ptp(value.scale) == 0 and value.scale[0] != 0:
        first, shift = first * value.scale[:, None], value.shift / value.scale
        if value.repeats > 1 and np.ptp(shift) == 0:
            first, shift = first.sum(2, keepdims=True), shift[:1]
        return [first, *kernels[1:]], bias, _Pending(value.tensor, np.ones_like(shift), shift)
    elif shifted:
        # Dividing by a scale for each channel would stretch the range that int8 has to cover.
        return kernels, bias, value
    first = first * value.scale[:, None]
    if value.repeats > 1:
        first = first.sum(2, keepdims=True)
    return [first, *kernels[1:]], bias, _as_pending(value.tensor)


def _pads(layer: Any, kernel: np.ndarray) -> bool:
    return type(layer) is not layers.Dense and layer.padding != "valid" and kernel.shape[:2] != (1, 1)


def _scale_and_shift(layer: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """Batch normalization at inference (Ioffe and Szegedy 2015, arXiv:1502.03167) as a scale and a shift."""
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    scale = (_array(layer.gamma) if layer.scale else 1) / np.sqrt(variance + layer.epsilon)
    return scale, (_array(layer.beta) if layer.center else 0) - mean * scale


def _array(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable).astype(np.float64)


def _as_pending(value: Any) -> _Pending:
    if isinstance(value, _Pending):
        return value
    channels = value.shape[-1]
    return _Pending(value, np.ones(channels), np.zeros(channels))


def _computed(value: Any) -> Any:
    return value.computed() if isinstance(value, _Pending) else value


def _is_value(argument: Any) -> bool:
    return isinstance(argument, (_Pending, keras.KerasTensor))


def _tensors(structure: Any) -> Iterator[keras.KerasTensor]:
    return (leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, keras.KerasTensor))
