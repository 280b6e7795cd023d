"""TFLite files without any float, for microcontrollers and NPUs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from . import flatbuffer
from .convert import quiet
from .folding import rebuild
from .overflow import limit_pairs
from .quantization import Prepared
from .tflite import converter, with_ranges


def tflite_full_int8(prepared: Prepared, path: Path, images: np.ndarray) -> None:
    """Quantize everything to int8, also the image, the probabilities, dense layers, swish and softmax.

    TensorFlow Lite Micro and NPUs need that. The image is gray minus 128, int8 `[batch, 48, 48, 1]`; probabilities are
    int8 `[batch, classes]`, 256 times the probability minus 128, so that close ones are equal.

    Args:
        prepared: A prepared model.
        path: The file to write.
        images: float32 `[n, 48, 48, 1]`, calibration images in 0..255.
    """

    def representative() -> Iterator[list[np.ndarray]]:
        return ([image[None]] for image in _with_all_bytes(images))

    with converter(_without_dense(with_ranges(prepared))) as convert, quiet():
        convert.optimizations = [tf.lite.Optimize.DEFAULT]
        convert.representative_dataset = representative
        convert.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        convert.inference_input_type = convert.inference_output_type = tf.int8
        path.write_bytes(convert.convert())
    result = flatbuffer.load(path)
    limit_pairs(result, prepared.model)
    flatbuffer.compact(result)
    flatbuffer.trim(result)
    flatbuffer.save(result, path)


def _without_dense(model: keras.Model) -> keras.Model:
    """The model with dense layers as 1x1 convolutions, for which every runtime supports a scale for each output."""

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if type(operation) is not layers.Dense:
            return operation(*args, **kwargs)
        (values,) = args
        inputs, outputs = values.shape[-1], operation.units
        pointwise = layers.Conv2D(outputs, 1, activation=operation.activation, name=operation.name)
        result = pointwise(_Reshape((1, 1, inputs))(values))
        kernel, *bias = operation.get_weights()
        pointwise.set_weights([kernel[None, None], *(bias or [np.zeros(outputs)])])
        return _Reshape((outputs,))(result)

    return rebuild(model, call)


class _Reshape(keras.layers.Layer):
    """To `[batch, *shape]`, without the operations that Keras has for a batch of unknown size."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.to = shape

    def call(self, inputs: Any) -> Any:
        return tf.reshape(inputs, [-1, *self.to])


def _with_all_bytes(images: np.ndarray) -> np.ndarray:
    """The images with a black and a white pixel added, so that the int8 step of the image is 1."""
    images = images.copy()
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    return images
