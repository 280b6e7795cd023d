"""Guidance by landmarks: a head that finds them, their soft maps, and the gate that these make for the features."""

from __future__ import annotations

import keras
from keras import layers

from fer_zoo.models.blocks import conv_bn

# Architectures with the option `landmarks`.
GUIDED_MODELS = ("fernet_nano_landmark",)

# Layers of the head and of the maps, which training computes in float32: bfloat16 has steps of 0.2 pixels at 48.
PREFIX = "landmark"
# Flat coordinates `[batch, 10]`, and the same as `[batch, 5, 2]`.
POINTS, LANDMARKS = f"{PREFIX}_points", f"{PREFIX}s"

# Mean landmarks of FER2013's training faces, x and y as shares of the side; where the head begins.
_MEAN = ((0.32, 0.37), (0.67, 0.37), (0.48, 0.59), (0.35, 0.75), (0.64, 0.75))
# Scale of what the head adds to them. A step changes the sum of its 576 inputs at the square of this scale: at 1, the
# rates that convolutions are trained with throw the landmarks out of the image, where maps and their gradient are zero.
_STEP = 1 / 32
# Standard deviation of the maps as a share of the side: 5 pixels of 48, the size of an eye.
WIDTH = 0.1


def landmark_head(x: keras.KerasTensor) -> keras.KerasTensor:
    """Regress five landmarks from early features `[batch, height, width, channels]`.

    Returns:
        `[batch, 5, 2]`, x and y of eyes, nose and corners of the mouth in the order of `Face.landmarks`, as shares of
        the image's side: 0 to 1 within the image.
    """
    x = conv_bn(x, 16, "head1", strides=2)
    x = conv_bn(x, 16, "head2")
    x = layers.Flatten(name="head_flat")(x)
    x = layers.Dense(2 * len(_MEAN), name=f"{PREFIX}_offsets")(x)
    x = layers.Rescaling(_STEP, offset=[share for point in _MEAN for share in point], name=POINTS)(x)
    return layers.Reshape((len(_MEAN), 2), name=LANDMARKS)(x)


def landmark_maps(landmarks: keras.KerasTensor, size: int) -> keras.KerasTensor:
    """A Gaussian of height 1 about each landmark, of standard layers that every format has.

    exp(-(x² + y²)) is exp(-x²) exp(-y²): a profile along each axis, and their products.

    Args:
        landmarks: `[batch, 5, 2]`, as `landmark_head` makes them.
        size: Side of the maps.

    Returns:
        `[batch, size, size, 5]`, 0 to 1.
    """
    count = landmarks.shape[1]
    # (coordinate - middle) / width, by a layer with variables: converters take constants inside of layers for inputs.
    scale = 1 / (WIDTH * 2**0.5)
    middles = [-scale * (index + 0.5) / size for index in range(size)]
    x = layers.Reshape((2 * count, 1, 1), name=f"{PREFIX}_flat")(landmarks)
    x = layers.Conv2D(
        size,
        1,
        kernel_initializer=keras.initializers.Constant(scale),
        bias_initializer=keras.initializers.Constant(middles),
        trainable=False,
        name=f"{PREFIX}_distance",
    )(x)
    x = layers.Multiply(name=f"{PREFIX}_square")([x, x])
    x = layers.Rescaling(-1.0, name=f"{PREFIX}_exponent")(x)
    x = layers.Activation("exponential", name=f"{PREFIX}_profile")(x)
    profiles = layers.Reshape((count, 2, size), name=f"{PREFIX}_profiles")(x)
    across = layers.Cropping2D(((0, 0), (0, 1)), name=f"{PREFIX}_x")(profiles)
    down = layers.Cropping2D(((0, 0), (1, 0)), name=f"{PREFIX}_y")(profiles)
    across = layers.Permute((2, 3, 1), name=f"{PREFIX}_columns")(across)
    down = layers.Permute((3, 2, 1), name=f"{PREFIX}_rows")(down)
    return layers.Multiply(name=f"{PREFIX}_maps")([across, down])


def gate(x: keras.KerasTensor, maps: keras.KerasTensor) -> keras.KerasTensor:
    """Spatial attention (after Woo et al., 2018, https://arxiv.org/abs/1807.06521) by maps in place of the features.

    Each channel of `x`, `[batch, size, size, channels]`, is scaled by a weighted sum of the maps, `[batch, size, size,
    5]`, through a sigmoid.
    """
    scale = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name="gate")(maps)
    return layers.Multiply(name="gate_scale")([x, scale])


def with_landmarks(model: keras.Model) -> keras.Model:
    """The model with its landmarks as a second output.

    Args:
        model: A landmark-guided model, such as `fernet_nano_landmark`, from any `.keras` file.

    Returns:
        A model of the same layers from `image` to `probabilities`, float32 `[batch, classes]`, and landmarks, float32
        `[batch, 5, 2]`: x and y of right eye, left eye, nose, right and left corner of the mouth (the person's) as
        shares of the side, 0 to 1 within the image.

    Raises:
        ValueError: It has no landmarks.

    Examples:
        >>> from fer_zoo import build_model
        >>> from fer_zoo.models.guidance import with_landmarks
        >>> model = with_landmarks(build_model("fernet_nano_landmark"))
        >>> model.output_shape
        [(None, 7), (None, 5, 2)]
    """
    return keras.Model(model.input, [model.output, model.get_layer(LANDMARKS).output], name=model.name)


def without_landmarks(model: keras.Model) -> keras.Model:
    """The published model, from `image` to `probabilities` alone, of one that may give landmarks too."""
    if len(model.outputs) == 1:
        return model
    return keras.Model(model.input, model.get_layer("probabilities").output, name=model.name)
