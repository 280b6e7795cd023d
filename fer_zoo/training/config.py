"""Everything that determines a training run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from fer_zoo.cpu import fastest_training_precision
from fer_zoo.data.augment import Augmentation
from fer_zoo.errors import FerZooError, UsageError

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "adamw", "sgd")
PRECISIONS = ("auto", "float32", "bfloat16")
BATCH_NORMS = ("trained", "frozen")


@dataclass(frozen=True)
class Transfer:
    """Two phases from pretrained weights; `TrainingConfig` has the settings of the second one.

    Attributes:
        weights: `imagenet` for keras.applications' download, or a .h5 or .npz file.
        head_epochs: Of the first phase, in which the backbone is frozen and its features are computed once.
        head_learning_rate: Adam's, constant.
        head_views: With augmentation, number of forms of each image whose features are computed.
        cache: Compute the features of what the second phase leaves frozen once, too, for as many forms of each image.
        unfreeze: Share of the backbone's layers with weights, from the top, that the second phase trains; 0 to 1.
        lowest_rate: Learning rate of the lowest of those layers as a share of the head's; geometric between.
        batch_norm: In what is unfrozen: `trained` from statistics re-estimated on training images, or `frozen`.
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
            ("unfreeze", self.unfreeze < 1 or not self.cache, "below 1 with --cache, which keeps what is frozen"),
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
        epochs: Passes over the training images.
        batch_size: Images a step.
        optimizer: `adam`, `adamw` or `sgd` (Nesterov momentum 0.9).
        learning_rate: At its highest.
        schedule: `constant`, or `cosine` down to 0.
        warmup_epochs: Of linear increase from 0, cosine only; at most half of the epochs are.
        weight_decay: Decoupled (Loshchilov and Hutter, 2017, https://arxiv.org/abs/1711.05101), on all weights but
            biases and normalization; 0 for none. Momentum 0.9 does not multiply it: what other frameworks' SGD does
            with 5e-4 takes 5e-3 here.
        label_smoothing: Share of the target spread over all classes, 0 to 1.
        ema: Decay a step of the exponential moving average of the weights, which is then what is evaluated and
            published; 0 for none.
        dropout: Overrides the model's own rate where given.
        augmentation: `None` for none.
        mixup: Alpha of the beta distribution that two images of a batch are mixed by; 0 for none.
        class_weights: Weigh the loss inversely to class frequency.
        clean: Leave out training images that are copies of test images, and those that FER+ voters call no face.
        ferplus: FER+'s file of votes.
        ambiguous: For FER+'s expressions, train on images without a majority too, which their votes describe.
        votes: Share of the FER+ vote distribution in the targets, 0 to 1.
        teachers: Models whose mean answer is taught too: files, or names that `load_classifier` takes.
        distillation: Share of the teachers' answer in the targets, 0 to 1.
        temperature: Flattens the teachers' answer where above 1.
        votes_teach: Multiply the teachers' answer by what FER+'s votes say about the label.
        views: With teachers, number of forms of each image that they are asked about; 0 augments anew each epoch.
        mean_views: Teach the mean answer about an image's views, and augment anew each epoch.
        renew_statistics: Give batch normalization the statistics of training images without augmentation at the end, if
            the model is no worse for it where the epoch was chosen.
        calibrate: Scale the logits of the trained model by a temperature fitted where the epoch was chosen.
        class_offsets: With `calibrate`, add an offset to the logits of each class, fitted with the temperature.
        warm_start: A trained model whose weights the run begins with, of the same architecture or a deeper one that
            begins with it: a `.keras` file, or a name in the artifacts; `None` for random ones.
        model_options: Arguments of the model's function, each `name=value`.
        transfer: Phases and pretrained weights; `None` trains everything from scratch. The settings above are then
            those of the second phase, whose epochs may be 0.
        precision: Of the compute in a training step: `float32`, `bfloat16`, or `auto` for what is faster on this CPU
            and backend; the `config.json` of a run says which it was.
        seed: Of weights, dropout, shuffling and augmentation.

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
    class_weights: bool = False
    clean: bool = False
    ferplus: str | None = None
    ambiguous: bool = False
    votes: float = 0.0
    teachers: tuple[str, ...] = ()
    distillation: float = 0.0
    temperature: float = 1.0
    votes_teach: bool = False
    views: int = 0
    mean_views: bool = False
    renew_statistics: bool = False
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
            ("votes", 0 <= self.votes <= 1, "from 0 to 1"),
            ("distillation", 0 <= self.distillation <= 1, "from 0 to 1"),
            ("temperature", self.temperature > 0, "above 0"),
            ("views", self.views >= 0, "at least 0"),
            ("seed", self.seed >= 0, "at least 0"),
            ("schedule", self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("optimizer", self.optimizer in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
        ]
        _refuse(self, limits)
        if self.class_offsets and not self.calibrate:
            raise UsageError("offsets of the classes are fitted with the temperature; pass --calibrate too")
        if self.votes and self.ferplus is None:
            raise UsageError("votes need FER+'s file; pass it with --ferplus")
        if self.ambiguous and not self.votes:
            raise UsageError("images without a majority have no label but their votes; pass --ferplus and --votes")
        if self.votes_teach and (self.ferplus is None or not self.teachers):
            raise UsageError("votes teach beside other models; pass --ferplus with FER+'s file, and --teachers")
        if bool(self.teachers) != bool(self.distillation):
            raise UsageError("teachers and their share of the targets go together; pass --teachers and --distillation")
        if self.mean_views and not self.teachers:
            raise UsageError("only answers of teachers have a mean over views; pass --teachers, or no --mean-views")
        if self.teachers and self.augmentation and not self.views:
            raise UsageError("teachers are asked about a fixed number of augmented views; pass --views")
        if self.transfer and self.transfer.cache and self.mixup:
            raise UsageError("mixup mixes images, of which --cache keeps only features; leave one of them out")

    def with_precision(self) -> TrainingConfig:
        """The same settings with the precision that `auto` means on this CPU."""
        if self.precision != "auto":
            return self
        return replace(self, precision=fastest_training_precision(self.backend))

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read the settings of a run from its `config.json`.

        Raises:
            FerZooError: The file is missing or is not such a file.
        """
        try:
            values = json.loads(path.read_text())["training"]
            augmentation = values.pop("augmentation")
            values["teachers"] = tuple(values.get("teachers", ()))
            values["model_options"] = tuple(values.get("model_options", ()))
            values["transfer"] = Transfer(**values["transfer"]) if values.get("transfer") else None
            return cls(**values, augmentation=Augmentation(**augmentation) if augmentation else None)
        except FileNotFoundError as error:
            raise FerZooError(f"{path.parent} is not a training run: it has no {path.name}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise FerZooError(f"{path} is not the config of a training run ({error})") from error


def _refuse(settings: object, limits: list[tuple[str, bool, str]]) -> None:
    for name, holds, allowed in limits:
        if not holds:
            raise UsageError(f"{name.replace('_', ' ')} is {getattr(settings, name)}; it must be {allowed}")
