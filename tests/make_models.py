"""Small untrained models as .keras, .onnx and .tflite files. Runs on TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def make_models(folder: Path) -> None:
    """Write `model.*`, one network in three formats, and files that do not fit in `folder`."""
    import keras
    import onnx

    from fer_zoo.models import build_model

    keras.utils.set_random_seed(1)
    model = build_model("baseline_cnn")
    logits = model.get_layer("logits")
    kernel, bias = logits.get_weights()
    logits.set_weights([20 * kernel, bias])  # Else every image gets nearly the same probabilities.
    model.save(folder / "model.keras")
    to_tflite(model, folder / "model.tflite")
    to_onnx(model, folder / "model.onnx")
    proto = onnx.load(folder / "model.onnx")
    onnx.helper.set_model_props(proto, {"labels": json.dumps(["contempt", *"bcdefg"])})
    onnx.save(proto, folder / "other_labels.onnx")
    to_onnx(constant((48, 48, 1), 8), folder / "eight.onnx")
    to_tflite(constant((48, 48, 1), 8), folder / "eight.tflite")
    constant((48, 48, 1), 8).save(folder / "eight.keras")
    to_onnx(constant((64, 64, 1), 7), folder / "input_64.onnx")
    to_onnx(constant((48, 48, 1), 5), folder / "output_5.onnx")
    to_tflite(constant((48, 48, 3), 7), folder / "input_rgb.tflite")
    constant((48, 48, 3), 7).save(folder / "input_rgb.keras")


def constant(shape: tuple[int, int, int], classes: int) -> keras.Model:
    import keras

    image = keras.Input(shape, name="image")
    x = keras.layers.GlobalAveragePooling2D()(image)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax")(x))


def to_onnx(model: keras.Model, path: Path) -> None:
    import tensorflow as tf
    import tf2onnx

    signature = (tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image"),)
    function = tf.function(lambda image: {"probabilities": model(image, training=False)})
    tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=str(path))


def to_tflite(model: keras.Model, path: Path) -> None:
    import tensorflow as tf

    model.export(path.with_suffix(""), verbose=False)
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(path.with_suffix(""))).convert())
