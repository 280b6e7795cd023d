"""The parts of a pretrained model: backbone and head, which layers are frozen, and their learning rates."""

from __future__ import annotations

import keras
from keras import layers

from fer_zoo.sharding import training_step_model
from fer_zoo.training.config import Transfer

# keras.applications has 0.999 in some models, an average over four epochs here, which a short run would lag behind.
_MOMENTUM = 0.99


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The backbone (image to features) and the head (features to logits) of a model; they share its layers."""
    features = next(layer for layer in model.layers if layer.name.startswith("head_")).input
    return keras.Model(model.input, features), training_step_model(features, model.get_layer("logits").output)


def freeze(model: keras.Model, transfer: Transfer) -> None:
    """Freeze the backbone's lower layers for the second phase, and its normalization if `batch_norm` is `frozen`.

    A frozen batch normalization runs in inference mode. A learned stem is trained in any case, as is the head.
    """
    backbone = _backbone_layers(model)
    below = _layers_below(backbone)
    count = below[-1] + 1
    first = count - round(transfer.unfreeze * count)
    for layer, index in zip(backbone, below, strict=True):
        is_norm = isinstance(layer, layers.BatchNormalization)
        layer.trainable = index >= first and not (is_norm and transfer.batch_norm == "frozen")
        if is_norm:
            layer.momentum = _MOMENTUM


def unfreeze(model: keras.Model) -> None:
    """Make all layers trainable again, as they are in a published model."""
    for layer in model.layers:
        layer.trainable = True


def learning_rate_factors(model: keras.Model, transfer: Transfer) -> list[float]:
    """Layer-wise learning rates: a factor for each of `model.trainable_variables`.

    1 for the head; in the backbone, layer by layer, geometrically down to `transfer.lowest_rate` for the lowest layer
    that is trained (discriminative fine-tuning: Howard and Ruder 2018, arXiv:1801.06146).
    """
    backbone = [layer for layer in _backbone_layers(model) if layer.trainable]
    count = sum(not isinstance(layer, layers.BatchNormalization) for layer in backbone)
    depth = dict(zip([layer.name for layer in backbone], _layers_below(backbone), strict=True))
    factors = {}
    for layer in model.layers:
        factor = transfer.lowest_rate ** (1 - depth[layer.name] / count) if layer.name in depth else 1.0
        factors.update({id(variable): factor for variable in layer.trainable_variables})
    return [factors[id(variable)] for variable in model.trainable_variables]


def split_frozen(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The frozen lower part of a model (image to features) and the rest (features to logits); they share its layers.

    They are cut behind the highest layer that has nothing trainable at or below it and no connection past it.
    """
    order = {id(layer): index for index, layer in enumerate(model.layers)}
    furthest = 0
    cut = model.layers[0]
    for index, layer in enumerate(model.layers):
        if layer.trainable_variables:
            break
        if furthest <= index:
            cut = layer
        consumers = [order[id(node.operation)] for node in layer._outbound_nodes if id(node.operation) in order]
        furthest = max([furthest, *consumers])
    return keras.Model(model.input, cut.output), keras.Model(cut.output, model.get_layer("logits").output)


def _backbone_layers(model: keras.Model) -> list[keras.layers.Layer]:
    return [
        layer for layer in model.layers if layer.weights and not layer.name.startswith(("head_", "logits", "stem_rgb"))
    ]


def _layers_below(backbone: list[keras.layers.Layer]) -> list[int]:
    """For each layer the number of layers with weights below it; a normalization has that of what it normalizes."""
    index = -1
    below = []
    for layer in backbone:
        index += not isinstance(layer, layers.BatchNormalization)
        below.append(index)
    return below
