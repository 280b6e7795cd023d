"""The zoo's architectures: one file each, one line each in `_MODELS`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fer_zoo.errors import UsageError

if TYPE_CHECKING:
    import keras

_MODELS = {
    "baseline_cnn": "Three conv-BN-pool stages and one hidden layer: the original project's baseline.",
    "fernet_base": "Squeeze-and-excitation ResNet of 2.8 million weights at 24², 12² and 6²: the most accurate.",
    "fernet_nano": "ResNet of less than 60,000 weights at 12² and 6²: the fastest.",
    "fernet_tiny": "ResNet of less than 200,000 weights at 24², 12² and 6²: for phones and browsers.",
}


def list_models() -> list[str]:
    """Names that `build_model` takes, in alphabetical order."""
    return sorted(_MODELS)


def describe_model(name: str) -> str:
    """One sentence about the architecture `name`."""
    return _MODELS[_known(name)]


def build_model(name: str, **options: Any) -> keras.Model:
    """Build an untrained model by name.

    Args:
        name: One of `list_models()`; its file `fer_zoo/models/<name>.py` has a function of that name.
        **options: Passed to that function.

    Returns:
        A Keras model on the zoo's one input contract: `image`, float32 `[batch, 48, 48, 1]`, gray, 0..255, to
        `probabilities`, float32 `[batch, 7]`. Its last two layers are `logits` and `probabilities`.

    Raises:
        UsageError: There is no such model.
    """
    return getattr(import_module(f"fer_zoo.models.{_known(name)}"), name)(**options)


def _known(name: str) -> str:
    if name not in _MODELS:
        raise UsageError(f"unknown model {name!r}; choose one of {', '.join(list_models())}")
    return name
