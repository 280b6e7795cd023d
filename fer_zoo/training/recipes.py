"""Recipes: how each model of the zoo is trained, what that costs and what it gave.

`python -m fer_zoo.train --recipe NAME --data fer2013.zip` trains one; options given beside it override its settings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fer_zoo.data.augment import AUGMENTATIONS
from fer_zoo.errors import UsageError
from fer_zoo.training.config import TrainingConfig, Transfer


@dataclass(frozen=True)
class Recipe:
    """Settings to train a model with.

    Attributes:
        about: A description of one sentence.
        config: The settings; backend, data and paths (the pretrained weights' and FER+'s too) are the user's.
        cost: Core-minutes, on a CPU with bfloat16 instructions (fernet_base: 87 minutes on two cores); `None` where the
            recipe was not run to its end.
        public_test: Accuracy on PublicTest, on which the epoch was chosen; `None` where the recipe was not run to its
            end.
    """

    about: str
    config: TrainingConfig
    cost: float | None = None
    public_test: float | None = None


_STRONG = TrainingConfig(
    optimizer="sgd",
    learning_rate=0.1,
    schedule="cosine",
    warmup_epochs=2,
    weight_decay=5e-4,
    label_smoothing=0.1,
    ema=0.998,
    augmentation=AUGMENTATIONS["strong"],
    recalibrate_batch_norm=True,
    calibrate=True,
)

_TRANSFER = TrainingConfig(
    epochs=16,
    optimizer="adamw",
    learning_rate=5e-4,
    schedule="cosine",
    warmup_epochs=1,
    weight_decay=0.01,
    label_smoothing=0.1,
    ema=0.998,
    augmentation=AUGMENTATIONS["strong"],
    recalibrate_batch_norm=True,
    calibrate=True,
    transfer=Transfer(weights="", head_epochs=5, head_views=1, lowest_rate=0.2),
)

# The small networks are distilled from the shipped one that was pretrained on faces.
_DISTILLED = replace(
    _STRONG, label_smoothing=0.0, teachers=("mobilenet_face:onnx:int8",), distillation_weight=0.7, augmented_views=8
)

_TWO_TEACHERS = (*_DISTILLED.teachers, "efficientnet_lite0:onnx:int8")
_ENSEMBLE = ("fernet_ensemble:onnx:int8",)

_FINE_TUNED = replace(
    _TRANSFER,
    epochs=14,
    learning_rate=1e-3,
    weight_decay=0.02,
    label_smoothing=0.0,
    teachers=_DISTILLED.teachers,
    distillation_weight=0.7,
    augmented_views=8,
    transfer=Transfer(weights="", head_epochs=3, head_views=1, lowest_rate=0.3),
)

RECIPES = {
    "original": Recipe("The original project's settings, as far as it states them.", TrainingConfig()),
    "sample": Recipe(
        "For a first run, on the labels of the bundled sample alone: a cheap network, many epochs, a high peak rate.",
        TrainingConfig(
            model="fernet_nano",
            epochs=40,
            batch_size=64,
            optimizer="sgd",
            learning_rate=0.1,
            schedule="cosine",
            warmup_epochs=3,
            weight_decay=5e-3,
            label_smoothing=0.1,
            augmentation=AUGMENTATIONS["affine"],
            recalibrate_batch_norm=True,
        ),
        cost=4.6,
        public_test=0.4887,
    ),
    "baseline_cnn": Recipe(
        "Adam, distilled from mobilenet_face.",
        replace(
            _DISTILLED,
            model="baseline_cnn",
            epochs=80,
            optimizer="adam",
            learning_rate=3e-3,
            weight_decay=0.0,
            dropout=0.1,
        ),
        cost=45,
        public_test=0.6651,
    ),
    "fernet_nano": Recipe(
        "SGD, distilled from mobilenet_face and efficientnet_lite0.",
        replace(_DISTILLED, model="fernet_nano", epochs=300, weight_decay=1e-3, teachers=_TWO_TEACHERS),
        cost=75,
        public_test=0.6718,
    ),
    "fernet_tiny": Recipe(
        "SGD, distilled from mobilenet_face and efficientnet_lite0; the shipped model averages four runs.",
        replace(
            _DISTILLED, model="fernet_tiny", epochs=80, weight_decay=3e-3, teachers=_TWO_TEACHERS, class_offsets=True
        ),
        cost=80,
        public_test=0.6904,
    ),
    "fernet_base": Recipe(
        "SGD, distilled from mobilenet_face and efficientnet_lite0; the shipped model averages three runs.",
        replace(
            _DISTILLED,
            model="fernet_base",
            epochs=28,
            weight_decay=5e-3,
            teachers=_TWO_TEACHERS,
        ),
        cost=174,
        public_test=0.7041,
    ),
    "fernet_base_ferplus": Recipe(
        "From fernet_base, on FER+'s votes; the shipped model was trained further from it; needs --ferplus.",
        replace(
            _STRONG,
            model="fernet_base",
            ferplus_labels=True,
            warm_start="fernet_base",
            epochs=14,
            learning_rate=0.05,
            weight_decay=5e-3,
            label_smoothing=0.0,
            ferplus="",
            vote_weight=1.0,
        ),
        cost=46,
        public_test=0.8825,
    ),
    "efficientnet_lite0": Recipe(
        "From ImageNet, all layers, distilled from mobilenet_face; needs --weights.",
        replace(_FINE_TUNED, model="efficientnet_lite0"),
        cost=118,
        public_test=0.6943,
    ),
    "efficientnet_b0": Recipe(
        "From the shipped efficientnet_lite0's weights, distilled from fernet_ensemble.",
        replace(
            _FINE_TUNED,
            model="efficientnet_b0",
            warm_start="efficientnet_lite0",
            epochs=6,
            learning_rate=6e-4,
            warmup_epochs=0.5,
            teachers=_ENSEMBLE,
            augmented_views=3,
            average_views=True,
            transfer=None,
        ),
        cost=108,
        public_test=0.6971,
    ),
    "resnet50": Recipe(
        "From scratch at 48 pixels, distilled from fernet_ensemble.",
        replace(
            _DISTILLED,
            model="resnet50",
            epochs=10,
            optimizer="adamw",
            learning_rate=1e-3,
            warmup_epochs=1,
            weight_decay=0.05,
            teachers=_ENSEMBLE,
            augmented_views=3,
            average_views=True,
        ),
        cost=258,
        public_test=0.6066,
    ),
    "mobilenet_v2": Recipe(
        "From ImageNet, all layers, distilled from mobilenet_face and efficientnet_lite0.",
        replace(
            _FINE_TUNED,
            model="mobilenet_v2",
            epochs=16,
            teachers=_TWO_TEACHERS,
        ),
        cost=110,
        public_test=0.6793,
    ),
    "mobilenet_face": Recipe(
        "The head alone, then all layers at rates that fall towards the image; needs --weights.",
        replace(_TRANSFER, model="mobilenet_face"),
        cost=80,
        public_test=0.6949,
    ),
    "mobilenet_face_ferplus": Recipe(
        "From the ensemble's mobilenet_face (in git's history alone), on votes and fernet_base_ferplus as teacher; "
        "needs --ferplus.",
        replace(
            _TRANSFER,
            model="mobilenet_face",
            model_options=("size=128", "blocks=12"),
            ferplus_labels=True,
            warm_start="fernet_ensemble/members/mobilenet_face.keras",
            epochs=11,
            learning_rate=6e-4,
            warmup_epochs=0.5,
            weight_decay=0.02,
            label_smoothing=0.0,
            ferplus="",
            include_no_majority=True,
            vote_weight=1.0,
            teachers=("fernet_base_ferplus:onnx:int8",),
            distillation_weight=0.6,
            augmented_views=3,
            average_views=True,
            transfer=None,
            seed=2030,
        ),
        cost=111,
        public_test=0.8890,
    ),
}


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        UsageError: There is no such recipe.
    """
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}; choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
