"""Everything that determines a training run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fer_zoo.data.augment import Augmentation
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces.largest import CROPS, Crop
from fer_zoo.zoo import run_config

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "adamw", "sgd")
PRECISIONS = ("auto", "float32", "bfloat16")
BATCH_NORMS = ("trained", "frozen")

# The model option that was `ferplus_labels` in the first release.
FORMER_FERPLUS_LABELS = "classes=8"

# Fields of `TrainingConfig` by their names in the first release, which its `config.json` files and options have.
FORMER_NAMES = {
    "ambiguous": "include_no_majority",
    "votes": "vote_weight",
    "distillation": "distillation_weight",
    "temperature": "distillation_temperature",
    "votes_teach": "votes_as_teacher",
    "views": "augmented_views",
    "mean_views": "average_views",
    "renew_statistics": "recalibrate_batch_norm",
}


@dataclass(frozen=True)
class Transfer:
    """Two phases from pretrained weights; `TrainingConfig` has the settings of the second one.

    Attributes:
        weights: `imagenet` for keras.applications' download, or a .h5 or .npz file.
        head_epochs: Epochs of the first phase, in which the backbone is frozen and its features are computed once.
        head_learning_rate: Learning rate of the first phase, whose optimizer is Adam; constant.
        head_views: With augmentation, number of augmented views of each image whose features are computed.
        cache: Compute the features of the layers that the second phase leaves frozen only once, too, for as many
            augmented views of each image.
        unfreeze: Share of the backbone's layers with weights, from the top, that the second phase trains; 0 to 1.
        lowest_rate: Learning rate of the lowest of those layers as a share of the head's; geometric between.
        batch_norm: In unfrozen layers: `trained` from statistics re-estimated on training images, or `frozen`.
    """

    weights: str
    head_epochs: int = 30
    head_learning_rate: float = 1e-3
    head_views: int = 4
    cache: bool = False
    unfreeze: float = 1.0
    lowest_rate: float = 0.1
    batch_norm: str = "trained"

    def __post_init__(self) -> None:
        limits = [
            ("head_epochs", self.head_epochs >= 0, "at least 0"),
            ("head_learning_rate", self.head_learning_rate > 0, "above 0"),
            ("head_views", self.head_views >= 1, "at least 1"),
            ("unfreeze", 0 <= self.unfreeze <= 1, "from 0 to 1"),
            ("unfreeze", self.unfreeze < 1 or not self.cache, "below 1 with --cache, which needs frozen layers"),
            ("lowest_rate", 0 < self.lowest_rate <= 1, "above 0, to 1"),
            ("batch_norm", self.batch_norm in BATCH_NORMS, f"one of {', '.join(BATCH_NORMS)}"),
        ]
        _refuse(self, limits)


@dataclass(frozen=True)
class TrainingConfig:
    """A run's settings; the defaults are the original project's.

    Attributes:
        model: Registry name.
        backend: `tensorflow`, `jax` or `torch`.
        data: Folder, zip or CSV; `None` is the bundled sample.
        classes: Class names of the data, in the order of the model's outputs; if empty, those `load_dataset` finds.
        crop: Which images are searched for faces, as `load_dataset` takes it.
        epochs: Passes over the training images.
        batch_size: Images in a step.
        optimizer: `adam`, `adamw` or `sgd` (Nesterov momentum 0.9).
        learning_rate: The highest rate of the schedule.
        schedule: `constant`, or `cosine` down to 0.
        warmup_epochs: Epochs of linear increase from 0, before the cosine; cut to half of the epochs.
        weight_decay: Decoupled (Loshchilov and Hutter, 2017, https://arxiv.org/abs/1711.05101), on all weights but
            biases and normalization; 0 for none. Momentum 0.9 does not multiply it: what other frameworks' SGD does
            with 5e-4 takes 5e-3 here.
        label_smoothing: Share of the target spread over all classes, 0 to 1.
        ema: Decay a step of the exponential moving average of the weights, which is then what is evaluated and
            published; 0 for none.
        dropout: Rate of the dropout; `None` for the model's own.
        augmentation: Random changes of the training images; `None` for none.
        mixup: Alpha of the beta distribution that two images of a batch are mixed by; 0 for none.
        landmark_weight: Weight of a second loss beside that of the expressions, for a model that finds landmarks: their
            mean absolute error, as a fraction of the image's side, from those that the detector finds; 0 for none.
        class_weights: Weigh the loss inversely to class frequency.
        clean: Leave out training images that are copies of test images, and those that FER+ voters call no face.
        ferplus: FER+'s file of votes for these images.
        ferplus_labels: Train on FER+'s eight expressions, the majority of its annotators, in place of FER2013's labels.
        include_no_majority: With `ferplus_labels`, train on images without a majority label too, with their
            votes as soft labels.
        vote_weight: Weight of FER+'s vote distribution in the soft labels, 0 to 1; the rest is the hard label.
        teachers: Models to distill the mean prediction of: files, or names that `load_classifier` takes.
        distillation_weight: Weight of the teachers' prediction in the soft labels, 0 to 1.
        distillation_temperature: Softens the teachers' prediction where above 1 (Hinton et al. 2015,
            https://arxiv.org/abs/1503.02531).
        votes_as_teacher: Combine the teachers' prediction with one made from FER+'s votes, as a product of experts.
        augmented_views: Number of views of each image that are computed once, the image itself and augmented ones, and
            that the epochs take in turn; teachers predict each of them. 0 augments anew each epoch.
        average_views: Average the teachers' prediction over an image's views, and augment anew each epoch.
        recalibrate_batch_norm: At the end, replace the moving averages of batch normalization by statistics of training
            images without augmentation, unless that lowers the accuracy on the selection images.
        calibrate: Divide the logits of the trained model by a temperature fitted on the selection images.
        class_offsets: With `calibrate`, add an offset to the logits of each class, fitted with the temperature.
        warm_start: A trained model whose weights the run starts from, of the same architecture or a deeper one with the
            same first layers: a `.keras` file, or a name in the artifacts; `None` for random weights.
        model_options: Arguments of the model's function, each `name=value`; the number of classes follows the labels.
        transfer: Phases and pretrained weights; `None` trains everything from scratch. The settings above are then
            those of the second phase, whose epochs may be 0.
        precision: Number format of a training step: `float32`, `bfloat16`, or `auto` for the one that is faster on this
            processor; `config.json` records which.
        seed: Seed of initial weights, dropout, shuffling and augmentation.

    Raises:
        UsageError: A setting is out of its range, or two exclude each other.

    Examples:
        >>> from fer_zoo import TrainingConfig
        >>> config = TrainingConfig(model="fernet_tiny", schedule="cosine", learning_rate=3e-3)
        >>> config.epochs, config.batch_size
        (30, 128)
    """

    model: str = "baseline_cnn"
    backend: str = "tensorflow"
    data: str | None = None
    classes: tuple[str, ...] = ()
    crop: Crop = "auto"
    epochs: int = 30
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    ema: float = 0.0
    dropout: float | None = None
    augmentation: Augmentation | None = None
    mixup: float = 0.0
    landmark_weight: float = 0.0
    class_weights: bool = False
    clean: bool = False
    ferplus: str | None = None
    ferplus_labels: bool = False
    include_no_majority: bool = False
    vote_weight: float = 0.0
    teachers: tuple[str, ...] = ()
    distillation_weight: float = 0.0
    distillation_temperature: float = 1.0
    votes_as_teacher: bool = False
    augmented_views: int = 0
    average_views: bool = False
    recalibrate_batch_norm: bool = False
    calibrate: bool = False
    class_offsets: bool = False
    warm_start: str | None = None
    model_options: tuple[str, ...] = ()
    transfer: Transfer | None = None
    precision: str = "auto"
    seed: int = 2025

    def __post_init__(self) -> None:
        limits = [
            ("epochs", self.epochs >= (0 if self.transfer else 1), "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("learning_rate", self.learning_rate > 0, "above 0"),
            ("warmup_epochs", self.warmup_epochs >= 0, "at least 0"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "from 0 to less than 1"),
            ("ema", 0 <= self.ema < 1, "from 0 to less than 1"),
            ("dropout", self.dropout is None or 0 <= self.dropout < 1, "from 0 to less than 1"),
            ("mixup", self.mixup >= 0, "at least 0"),
            ("landmark_weight", self.landmark_weight >= 0, "at least 0"),
            ("vote_weight", 0 <= self.vote_weight <= 1, "from 0 to 1"),
            ("distillation_weight", 0 <= self.distillation_weight <= 1, "from 0 to 1"),
            ("distillation_temperature", self.distillation_temperature > 0, "above 0"),
            ("augmented_views", self.augmented_views >= 0, "at least 0"),
            ("seed", self.seed >= 0, "at least 0"),
            ("crop", self.crop in CROPS, f"one of {', '.join(CROPS)}"),
            ("schedule", self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("optimizer", self.optimizer in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
        ]
        _refuse(self, limits)
        if self.transfer and not self.epochs and not self.transfer.head_epochs:
            raise UsageError("epochs and head epochs are both 0: there is nothing to train")
        if self.class_offsets and not self.calibrate:
            raise UsageError("class offsets are fitted with the temperature; pass --calibrate too")
        if self.vote_weight and self.ferplus is None:
            raise UsageError("FER+'s votes are in a file of their own; pass it with --ferplus")
        if self.include_no_majority and not self.ferplus_labels:
            raise UsageError("--include-no-majority is for FER+'s eight expressions; pass --ferplus-labels too")
        if self.ferplus_labels and self.classes:
            raise UsageError("--ferplus-labels takes FER+'s eight expressions; leave --classes out")
        if any(option.startswith("classes=") for option in self.model_options):
            raise UsageError(
                "the number of classes follows from the labels; leave classes= out of --model-options, and pass "
                "--ferplus-labels for FER+'s eight expressions"
            )
        if self.include_no_majority and not self.vote_weight:
            raise UsageError(
                "images without a majority label have nothing but their votes as soft labels; pass --ferplus and "
                "--vote-weight"
            )
        if self.votes_as_teacher and (self.ferplus is None or not self.teachers):
            raise UsageError(
                "--votes-as-teacher adds to other teachers; pass --ferplus with FER+'s file, and --teachers"
            )
        if self.votes_as_teacher and self.ferplus_labels:
            raise UsageError("FER+'s eight expressions are labelled by its votes; leave --votes-as-teacher out")
        if bool(self.teachers) != bool(self.distillation_weight):
            raise UsageError("--teachers and --distillation-weight go together; pass both")
        if self.average_views and not self.teachers:
            raise UsageError("--average-views averages the teachers' predictions; pass --teachers, or leave it out")
        if self.teachers and self.augmentation and not self.augmented_views:
            raise UsageError("teachers predict a fixed number of augmented views; pass --augmented-views")
        if self.landmark_weight and (self.mixup or self.transfer):
            raise UsageError(
                "--landmark-weight is for training from scratch without mixup; leave --mixup and --weights out"
            )
        if self.landmark_weight and self.augmented_views and not self.average_views:
            raise UsageError(
                "views that are computed once have no landmarks; pass --average-views, or leave --landmark-weight out"
            )
        if self.transfer and self.transfer.cache and self.mixup:
            raise UsageError("mixup mixes images, but --cache keeps features of frozen layers; leave one of them out")

    def with_precision(self) -> TrainingConfig:
        """The same settings, with `auto` replaced by the precision that is faster on this processor."""
        if self.precision != "auto":
            return self
        from fer_zoo.training.precision import fastest_precision

        return replace(self, precision=fastest_precision())

    def with_paths_in(self, folder: Path) -> TrainingConfig:
        """The same settings, with relative paths of files that exist in `folder` made absolute."""

        def absolute(path: str | None) -> str | None:
            found = folder / path if path else None
            return (
                str(found.resolve()) if found and (found.is_file() or (path == self.data and found.exists())) else path
            )

        return replace(
            self,
            data=absolute(self.data),
            ferplus=absolute(self.ferplus),
            warm_start=absolute(self.warm_start),
            teachers=tuple(absolute(teacher) or teacher for teacher in self.teachers),
            transfer=self.transfer
            and replace(self.transfer, weights=absolute(self.transfer.weights) or self.transfer.weights),
        )

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read the settings of a run from its `config.json`.

        Raises:
            FerZooError: The file is missing or is not such a file.
        """
        if not path.exists():
            raise FerZooError(f"{path.parent} is not a training run: it has no {path.name}")
        try:
            values = current_names(run_config(path.parent)["training"])
            augmentation = values.pop("augmentation")
            values["teachers"] = tuple(values.get("teachers", ()))
            values["model_options"] = tuple(values.get("model_options", ()))
            values["classes"] = tuple(values.get("classes", ()))
            values["transfer"] = Transfer(**values["transfer"]) if values.get("transfer") else None
            return cls(**values, augmentation=Augmentation(**augmentation) if augmentation else None)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FerZooError(f"{path} is not the config of a training run ({error})") from error


def current_names(settings: dict[str, Any]) -> dict[str, Any]:
    """The entry `training` of a `config.json`, with old field names replaced by the present ones."""
    present = {FORMER_NAMES.get(name, name): value for name, value in settings.items()}
    if FORMER_FERPLUS_LABELS in (options := present.get("model_options", ())):
        present["model_options"] = [option for option in options if option != FORMER_FERPLUS_LABELS]
        present["ferplus_labels"] = True
    return present


def recorded_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The entry `training` of a `config.json`; settings that an older run did not record have their defaults."""
    return json.loads(json.dumps(asdict(TrainingConfig()))) | current_names(settings)


def _refuse(settings: object, limits: list[tuple[str, bool, str]]) -> None:
    for name, holds, allowed in limits:
        if not holds:
            raise UsageError(f"{name.replace('_', ' ')} is {getattr(settings, name)}; it must be {allowed}")
