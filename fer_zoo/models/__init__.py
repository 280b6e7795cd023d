"""The zoo's architectures: one file each, one line each in `_MODELS`."""

from __future__ import annotations

import ast
import difflib
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fer_zoo.backend import select_backend
from fer_zoo.errors import UsageError
from fer_zoo.zoo import load_model, trained_models

if TYPE_CHECKING:
    import keras

_MODELS = {
    "baseline_cnn": "Three conv-BN-pool stages and one hidden layer: the original project's baseline.",
    "efficientnet_b0": "EfficientNet-B0, squeeze-and-excitation and swish, on the face at 96 pixels.",
    "efficientnet_lite0": "EfficientNet-Lite0, made for integer hardware, on the face at 96 pixels.",
    "ensemble": "The weighted mean of several models' probabilities, in one file.",
    "fernet_base": "Squeeze-and-excitation ResNet of 2.8 million weights at 24², 12² and 6², not pretrained.",
    "fernet_nano": "ResNet of less than 60,000 weights at 12² and 6²: the fastest.",
    "fernet_nano_landmark": "fernet_nano, its features gated by maps of the landmarks that it finds.",
    "fernet_tiny": "ResNet of less than 200,000 weights at 24², 12² and 6²: for phones and browsers.",
    "mobilenet_face": "MobileNetV1 pretrained on face recognition (VGGFace2), on the enlarged face.",
    "mobilenet_v2": "MobileNetV2 at 96 pixels with the original project's head: its transfer model.",
    "resnet50": "ResNet-50 whose stem keeps every pixel of the face at 48.",
}

# What an option must be, by the type of its default.
_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a word"}


def list_models(pretrained: bool = False) -> list[str]:
    """Names of the zoo's models, in alphabetical order.

    Args:
        pretrained: List trained models, which `load_classifier`, `load_model` and `build_model(…, pretrained=True)`
            take. Else architectures, which `build_model` builds untrained.

    Examples:
        >>> from fer_zoo import list_models
        >>> "resnet50" in list_models(), "resnet50" in list_models(pretrained=True)
        (True, False)
        >>> "fernet_base_ferplus" in list_models(pretrained=True)
        True
    """
    return sorted(model.name for model in trained_models()) if pretrained else sorted(_MODELS)


def describe_model(name: str) -> str:
    """One sentence about the architecture `name`."""
    return _MODELS[_known(name)]


def build_model(name: str, *, pretrained: bool = False, **options: Any) -> keras.Model:
    """Build a model by name, untrained or with trained weights.

    Args:
        name: One of `list_models()`, whose file `fer_zoo/models/<name>.py` has a function of that name; where
            `pretrained`, one of `list_models(pretrained=True)`.
        pretrained: Load trained weights, as `load_model` does.
        **options: Passed to the model's function. A pretrained model takes `classes` alone: with another number than it
            was trained for, its last layer with weights is a new, untrained one.

    Returns:
        A Keras model on the zoo's one input contract: `image`, float32 `[batch, 48, 48, 1]`, gray, 0..255, to
        `probabilities`, float32 `[batch, classes]`. Its last two layers are `logits` and `probabilities`. Which
        classes these are is for whoever trains it to say.

    Raises:
        UsageError: There is no such model, it has no such option, or an option has an impossible value; no Keras
            backend is installed.
        FerZooError: The file with the weights is damaged, or this Keras is too old for it.

    Examples:
        >>> from fer_zoo import build_model
        >>> build_model("fernet_nano", dropout=0.2).output_shape
        (None, 7)
        >>> build_model("fernet_nano", pretrained=True, classes=8).output_shape
        (None, 8)
    """
    if pretrained:
        return _pretrained(name, **options)
    select_backend()
    function = getattr(import_module(f"fer_zoo.models.{_known(name)}"), name)
    known = inspect.signature(function).parameters
    for option, value in options.items():
        if option not in known:
            raise UsageError(f"{name} has no option {option!r}; it has {', '.join(known)}")
        _refuse_other_kinds(name, option, value, known[option].default)
    try:
        return function(**options)
    except ValueError as error:
        if not options:
            raise
        arguments = ", ".join(f"{option}={value}" for option, value in options.items())
        raise UsageError(f"{name} cannot be built with {arguments}: {str(error).splitlines()[0]}") from error


def _pretrained(name: str, classes: int | None = None, **options: Any) -> keras.Model:
    if options:
        raise UsageError(f"{next(iter(options))!r} cannot be chosen for a pretrained model; only classes can")
    if name in _MODELS and name not in list_models(pretrained=True):
        raise UsageError(f"{name} has no trained weights; `fer-zoo models` lists the models that have")
    model = load_model(name)
    if classes in (None, model.output_shape[1]):
        return model
    if not isinstance(classes, int) or classes < 1:
        raise UsageError(f"classes is {classes!r}; it must be a whole number above 0")
    import keras

    logits = model.get_layer("logits")
    if not isinstance(logits, keras.layers.Dense):
        raise UsageError(f"{name} averages several models and has no last layer to replace; take one of them")
    x = keras.layers.Dense(classes, name="logits")(logits.input)
    x = keras.layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(model.input, x, name=_architecture_of(name))


def _architecture_of(name: str) -> str:
    return next(model.architecture for model in trained_models() if model.name == name)


def parse_options(options: tuple[str, ...]) -> dict[str, Any]:
    """`("size=128", "stem=learned")` as arguments of `build_model`; numbers become numbers.

    Raises:
        UsageError: One has no `=`.
    """
    parsed: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise UsageError(f"{option!r} is no model option; write name=value")
        try:
            parsed[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parsed[name] = value
    return parsed


def _refuse_other_kinds(name: str, option: str, value: Any, default: Any) -> None:
    kind = type(default)
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if kind in _KINDS and not fits:
        raise UsageError(f"{name}'s option {option} is {value!r}; it must be {_KINDS[kind]}")


def _known(name: str) -> str:
    if name in _MODELS:
        return name
    if name in list_models(pretrained=True):
        raise UsageError(f"{name} is a trained model, not an architecture; pass pretrained=True, or use load_model")
    close = difflib.get_close_matches(str(name), _MODELS)
    hint = f"did you mean {', '.join(close)}?" if close else f"choose one of {', '.join(list_models())}"
    raise UsageError(f"there is no architecture {name!r}; {hint}")
