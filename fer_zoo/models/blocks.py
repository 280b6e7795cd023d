"""Blocks of the fernet family: 3x3 convolutions, ReLU and normalization that folds, which int8 runtimes are fast at."""

from __future__ import annotations

import keras
from keras import layers

from fer_zoo.contract import IMAGE_SIZE


def image_input() -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The zoo's `image` input, float32 `[batch, 48, 48, 1]` in 0..255, and the same scaled to -1..1."""
    image = layers.Input((IMAGE_SIZE, IMAGE_SIZE, 1), name="image")
    return image, layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(image)


def conv_bn(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    kernel: int = 3,
    strides: int = 1,
    relu: bool = True,
    blur: bool = False,
) -> keras.KerasTensor:
    """Convolution without bias, batch normalization, and ReLU where asked for.

    With `blur` no place is skipped where `strides` halve the map: means of 3x3 places are taken after the ReLU (after
    Zhang, 2019, https://arxiv.org/abs/1904.11486, whose filter is a triangle), zeros beyond the right and lower edge
    included.
    """
    x = layers.Conv2D(
        filters,
        kernel,
        strides=1 if blur else strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    x = layers.ReLU(name=f"{name}_relu")(x) if relu else x
    if not blur:
        return x
    # Not padding="same": in Keras 3.15 on torch that takes the values at the edge twice where the padding is uneven.
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.AveragePooling2D(3, strides, name=f"{name}_blur")(x)


def residual_block(
    x: keras.KerasTensor, filters: int, name: str, strides: int = 1, squeeze: int = 0
) -> keras.KerasTensor:
    """Two 3x3 convolutions beside a shortcut (He et al., 2015, https://arxiv.org/abs/1512.03385).

    The shortcut of a block that halves the map averages before its 1x1 convolution, so that no activation is skipped
    (He et al., 2018, ResNet-D, https://arxiv.org/abs/1812.01187).

    Args:
        x: `[batch, height, width, channels]`.
        filters: Output channels.
        name: Prefix of the layers' names.
        strides: 1, or 2 to halve the map.
        squeeze: Reduction of squeeze-and-excitation (Hu et al., 2017, https://arxiv.org/abs/1709.01507); 0 for none.

    Returns:
        `[batch, height / strides, width / strides, filters]`.
    """
    shortcut = x
    if strides > 1:
        shortcut = layers.AveragePooling2D(strides, name=f"{name}_shortcut_pool")(shortcut)
    if x.shape[-1] != filters:
        shortcut = conv_bn(shortcut, filters, f"{name}_shortcut", kernel=1, relu=False)
    x = conv_bn(x, filters, f"{name}_1", strides=strides)
    x = conv_bn(x, filters, f"{name}_2", relu=False)
    if squeeze:
        x = squeeze_excite(x, squeeze, f"{name}_squeeze")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def separable_block(x: keras.KerasTensor, filters: int, name: str, strides: int = 1) -> keras.KerasTensor:
    """A 3x3 convolution of each channel and a 1x1 convolution (Howard et al., 2017, https://arxiv.org/abs/1704.04861).

    Few weights and many features: for small maps, where a depthwise convolution costs nothing. With a shortcut where
    input and output are alike.
    """
    shortcut = x
    x = layers.DepthwiseConv2D(
        3, strides=strides, padding="same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_depthwise"
    )(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(name=f"{name}_depthwise_relu")(x)
    x = conv_bn(x, filters, f"{name}_project", kernel=1, relu=False)
    if shortcut.shape == x.shape:
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def classifier(
    x: keras.KerasTensor, classes: int, dropout: float, earlier: tuple[keras.KerasTensor, ...] = ()
) -> keras.KerasTensor:
    """Global average pooling, dropout and the zoo's last two layers, `logits` and `probabilities`.

    The maps of `earlier` stages are averaged and taught from too: features of several scales.
    """
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if earlier:
        pools = [layers.GlobalAveragePooling2D(name=f"pool{i}")(tensor) for i, tensor in enumerate(earlier, start=1)]
        x = layers.Concatenate(name="scales")([*pools, x])
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, name="logits")(x)
    return layers.Softmax(dtype="float32", name="probabilities")(x)


def squeeze_excite(x: keras.KerasTensor, reduction: int, name: str) -> keras.KerasTensor:
    """Attention over channels (Hu et al., 2017): each is scaled by what two small layers make of all their means."""
    channels = x.shape[-1]
    scale = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    scale = layers.Conv2D(channels // reduction, 1, activation="relu", name=f"{name}_reduce")(scale)
    scale = layers.Conv2D(channels, 1, activation="sigmoid", name=f"{name}_expand")(scale)
    return layers.Multiply(name=f"{name}_scale")([x, scale])
