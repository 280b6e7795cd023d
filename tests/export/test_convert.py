"""Networks of other layers than the zoo's: what their files answer, and what is said of layers that formats lack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from needs import EXPORT, need
from workers import Workers

from fer_zoo.data import load_dataset
from fer_zoo.inference import load_classifier

if TYPE_CHECKING:
    import keras


def network(*operations: keras.layers.Layer) -> keras.Model:
    """A small network with these layers in its middle."""
    from keras import Input, Model, layers

    image = x = Input((48, 48, 1), name="image")
    for layer in (layers.Rescaling(1 / 255), layers.Conv2D(8, 3, 2), *operations, layers.GlobalAveragePooling2D()):
        x = layer(x)
    return Model(image, layers.Softmax(name="probabilities")(layers.Dense(7, name="logits")(x)))


def write_unusual(folder: Path, images: np.ndarray) -> np.ndarray:
    """Write grouped convolutions and activations that tf2onnx lacks in both formats: what Keras says."""
    import keras
    from keras import layers, ops

    from export.convert import to_onnx
    from export.tflite import to_tflite

    keras.utils.set_random_seed(0)  # Layers draw their seeds when they are made.
    grouped = layers.Conv2D(8, 3, strides=2, padding="same", groups=4, activation="gelu")
    nested = keras.Sequential([layers.Conv2D(8, 3, groups=2)])
    celu, logarithm = layers.Activation("celu"), layers.Lambda(lambda x: ops.log1p(ops.relu(x)))
    dilated = layers.Conv2D(4, 3, dilation_rate=2, groups=2)
    model = network(grouped, nested, layers.Conv2D(4, 1), celu, dilated, logarithm)
    to_onnx(model, folder / "model.onnx")
    to_tflite(model, folder / "model.tflite")
    assert "convolution_op" not in vars(grouped)
    return model.predict(images[..., None].astype("float32"), verbose=0)


@pytest.mark.slow
def test_grouped_convolutions_and_activations_that_tf2onnx_lacks(on_backend: Workers, tmp_path: Path) -> None:
    need(*EXPORT)
    images = load_dataset().subset("test").images[:8]
    probabilities = on_backend("tensorflow", write_unusual, tmp_path, images)
    assert np.ptp(probabilities, axis=0).max() > 1e-3
    for name in ("model.onnx", "model.tflite"):
        found = load_classifier(tmp_path / name).predict_proba(images)
        np.testing.assert_allclose(found, probabilities, atol=1e-6, err_msg=name)


def refusals(folder: Path) -> list[str]:
    """What is said of a network with an operation that neither format has."""
    from keras import layers, ops

    from export.convert import to_onnx
    from export.tflite import to_tflite
    from fer_zoo.errors import FerZooError

    model = network(layers.Lambda(lambda x: ops.image.rgb_to_hsv(ops.sigmoid(x[..., :3]))))
    messages = []
    for write in (to_onnx, to_tflite):
        with pytest.raises(FerZooError) as caught:
            write(model, folder / "model")
        messages.append(str(caught.value))
    return messages


@pytest.mark.slow
def test_operations_that_a_format_lacks_are_named(on_backend: Workers, tmp_path: Path) -> None:
    need(*EXPORT)
    onnx, tflite = on_backend("tensorflow", refusals, tmp_path)
    assert "cannot be written as ONNX: tf2onnx knows no operation of ONNX for RGBToHSV; take other layers" in onnx
    assert "cannot be written as TFLite: it has no operation for tf.RGBToHSV; take other layers" in tflite
    assert list(tmp_path.iterdir()) == []


def write_attention(folder: Path, images: np.ndarray) -> np.ndarray:
    """Write a network with products of two activations, as attention has them, in int8: what Keras says."""
    import keras
    from keras import layers, ops

    from export.folding import fold
    from export.quantization import prepare
    from export.quantize import onnx_int8

    keras.utils.set_random_seed(0)
    attend = layers.Lambda(lambda x: ops.matmul(ops.softmax(ops.matmul(x, ops.transpose(x, (0, 2, 1)))), x))
    tokens = (layers.MaxPooling2D(4), layers.Reshape((25, 8)))
    model = network(*tokens, attend, layers.Dense(16, "gelu"), layers.Reshape((5, 5, 16)))
    batch = images[..., None].astype("float32")
    onnx_int8(prepare(fold(model), batch), folder / "model.int8.onnx", batch)
    return model.predict(batch, verbose=0)


@pytest.mark.slow
def test_attention_is_quantized(on_backend: Workers, tmp_path: Path) -> None:
    """The product of queries and keys was taken for one with weights."""
    need(*EXPORT)
    images = load_dataset().subset("test").images[:8]
    probabilities = on_backend("tensorflow", write_attention, tmp_path, images)
    assert np.ptp(probabilities, axis=0).max() > 1e-3
    found = load_classifier(tmp_path / "model.int8.onnx").predict_proba(images)
    np.testing.assert_allclose(found, probabilities, atol=0.02)
