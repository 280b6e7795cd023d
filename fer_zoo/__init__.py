"""Facial expression recognition models for any Keras backend, exported for phone, browser and server."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer_zoo.contract import EXPRESSIONS
    from fer_zoo.data import Dataset, load_dataset
    from fer_zoo.errors import FerZooError, UsageError
    from fer_zoo.evaluation import Evaluation, evaluate
    from fer_zoo.faces import Face, FaceDetector, FaceExpression, crop_face, read_photo
    from fer_zoo.inference import Classifier, load_classifier
    from fer_zoo.models import build_model, list_models
    from fer_zoo.training import TrainingConfig, train
    from fer_zoo.voice import VoiceClassifier, fuse, load_voice
    from fer_zoo.zoo import ModelInfo, load_model, model_info

__version__ = "0.1.0"

__all__ = [
    "EXPRESSIONS",
    "Classifier",
    "Dataset",
    "Evaluation",
    "Face",
    "FaceDetector",
    "FaceExpression",
    "FerZooError",
    "ModelInfo",
    "TrainingConfig",
    "UsageError",
    "VoiceClassifier",
    "__version__",
    "build_model",
    "crop_face",
    "evaluate",
    "fuse",
    "list_models",
    "load_classifier",
    "load_dataset",
    "load_model",
    "load_voice",
    "model_info",
    "read_photo",
    "train",
]

# The module of each public name; type checkers read the imports above.
_SOURCES = {
    "fer_zoo.data": ("Dataset", "load_dataset"),
    "fer_zoo.errors": ("FerZooError", "UsageError"),
    "fer_zoo.evaluation": ("Evaluation", "evaluate"),
    "fer_zoo.contract": ("EXPRESSIONS",),
    "fer_zoo.faces": ("Face", "FaceDetector", "FaceExpression", "crop_face", "read_photo"),
    "fer_zoo.inference": ("Classifier", "load_classifier"),
    "fer_zoo.models": ("build_model", "list_models"),
    "fer_zoo.training": ("TrainingConfig", "train"),
    "fer_zoo.voice": ("VoiceClassifier", "fuse", "load_voice"),
    "fer_zoo.zoo": ("ModelInfo", "load_model", "model_info"),
}
_MODULE_OF = {name: module for module, names in _SOURCES.items() for name in names}


if not TYPE_CHECKING:  # With `__getattr__`, a type checker would accept any misspelt name.

    def __getattr__(name: str) -> Any:
        """Import on first use, so that inference never pays for Keras."""
        if name in _MODULE_OF:
            return getattr(import_module(_MODULE_OF[name]), name)
        raise AttributeError(f"module 'fer_zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `fer_zoo.train` a function even if the module of the same name, the command, has been imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _MODULE_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
