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
    """One way to train a model.

    Attributes:
        about: One sentence.
        config: The settings; backend, data and paths (the pretrained weights' too) are the user's.
        cost: Minutes on two cores with bfloat16 instructions; `None` where it was not run to its end.
        public_test: Accuracy on PublicTest, on which the epoch was chosen; `None` where it was not run to its end.
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
    renew_statistics=True,
    calibrate=True,
    precision="bfloat16",
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
    renew_statistics=True,
    calibrate=True,
    transfer=Transfer(weights="", head_epochs=5, head_views=1, lowest_rate=0.2),
    precision="bfloat16",
)

_PROPOSED = "SGD, strong augmentation, label smoothing and averaged weights; a proposal, not run to its end yet."

RECIPES = {
    "original": Recipe("The original project's settings, as far as it states them.", TrainingConfig()),
    "baseline_cnn": Recipe(
        "Augmentation, a cosine schedule and averaged weights, as long as it gains.",
        TrainingConfig(
            epochs=80,
            learning_rate=2e-3,
            schedule="cosine",
            warmup_epochs=2,
            ema=0.998,
            augmentation=AUGMENTATIONS["affine"],
            precision="bfloat16",
        ),
        cost=38,
        public_test=0.6364,
    ),
    "fernet_nano": Recipe(_PROPOSED, replace(_STRONG, model="fernet_nano", epochs=120)),
    "fernet_tiny": Recipe(_PROPOSED, replace(_STRONG, model="fernet_tiny", epochs=120)),
    "fernet_base": Recipe(_PROPOSED, replace(_STRONG, model="fernet_base", epochs=100, mixup=0.2)),
    "mobilenet_face": Recipe(
        "The head alone, then all layers at rates that fall towards the image; needs --weights.",
        replace(_TRANSFER, model="mobilenet_face"),
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
