"""Starts a run from the weights of a trained model: for other images, more epochs, or other classes."""

from __future__ import annotations

import keras

from fer_zoo.errors import UsageError
from fer_zoo.models.efficientnet_b0 import weights_from_lite0
from fer_zoo.zoo import keras_path, labels_of, read_keras


def warm_start(model: keras.Model, source: str, labels: tuple[str, ...]) -> None:
    """Give a model the weights of a trained one of the same architecture, layer by layer.

    Args:
        model: The same network as the trained one, or the first layers of it; or an `efficientnet_b0`, which can start
            from an `efficientnet_lite0`. Its layer `logits` keeps its own weights if the trained one has another input
            or other classes.
        source: A `.keras` file, or the name of a model in the artifacts.
        labels: The model's classes.

    Raises:
        UsageError: There is no such model, or it is of another architecture.
        FerZooError: The file cannot be loaded.
    """
    path = keras_path(source)
    trained = read_keras(path)
    trained_shapes, shapes = layer_shapes(trained), layer_shapes(model)
    names = [name for name in shapes if name != "logits"]
    if from_lite0 := (model.name, trained.name) == ("efficientnet_b0", "efficientnet_lite0"):
        weights_from_lite0(model, trained)
        names = []
    first = [name for name in trained_shapes if name != "logits"][: len(names)]
    for name in [*names, *first, "logits"]:
        if trained_shapes.get(name) != shapes.get(name) and (name != "logits" or name not in trained_shapes):
            differs = f"{_text(trained_shapes.get(name))}, not {_text(shapes.get(name))}"
            raise UsageError(f"{path} is no {model.name}: its layer {name} has {differs}")
    if (from_lite0 or trained_shapes == shapes) and labels_of(path, trained.output_shape[1]) == labels:
        names.append("logits")
    for name in names:
        model.get_layer(name).set_weights(trained.get_layer(name).get_weights())


def layer_shapes(model: keras.Model) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of each layer's weights, by its name."""
    return {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in model.layers if layer.weights}


def _text(shapes: list[tuple[int, ...]] | None) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes) if shapes else "no weights"
