"""Keras to ONNX and TFLite in float, through TensorFlow."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from fer_zoo.console import native_stderr_silenced

OPSET = 17


def to_onnx(model: keras.Model, path: Path) -> None:
    """Write `model` as float32 ONNX: input `image` NHWC with any batch size, output `probabilities`."""
    with quiet():
        import tf2onnx

        signature = (tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image"),)
        function = tf.function(lambda image: {"probabilities": model(image, training=False)})
        tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET, output_path=str(path))


def to_tflite(model: keras.Model, path: Path, half: bool = False) -> None:
    """Write `model` as TFLite, float32, or with the weights in float16 where `half`."""
    with converter(model) as convert, quiet():
        if half:
            convert.optimizations = [tf.lite.Optimize.DEFAULT]
            convert.target_spec.supported_types = [tf.float16]
        path.write_bytes(convert.convert())


@contextlib.contextmanager
def converter(model: keras.Model) -> Iterator[tf.lite.TFLiteConverter]:
    """A TFLite converter of `model` through a SavedModel, which lives as long as the context."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        model.export(folder, format="tf_saved_model", verbose=False)
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the converters' chatter off the terminal; exceptions still say what failed."""
    for name in (None, "tf2onnx", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), native_stderr_silenced():
        warnings.simplefilter("ignore")
        yield
