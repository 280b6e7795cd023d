"""The options of `python -m fer_zoo.train`, in groups; their defaults are `TrainingConfig`'s and `Transfer`'s."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_zoo.backend import BACKENDS
from fer_zoo.console import HelpFormatter, err
from fer_zoo.data.augment import AUGMENTATIONS
from fer_zoo.faces.largest import CROP_HELP, CROPS
from fer_zoo.models import list_models
from fer_zoo.training.config import (
    BATCH_NORMS,
    FORMER_FERPLUS_LABELS,
    FORMER_NAMES,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    TrainingConfig,
    Transfer,
)
from fer_zoo.training.recipes import RECIPES


def present_names(arguments: list[str]) -> list[str]:
    """Replace former names of options by their present ones, with a note on stderr for each."""
    renamed = {_option(former): _option(present) for former, present in FORMER_NAMES.items()}
    words = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if present := renamed.get(option):
            err.print(f"{option} is now called {present}; the old name will go in the next release", markup=False)
        words.append((present or option) + equals + value)
    if FORMER_FERPLUS_LABELS in words:
        err.print(f"{FORMER_FERPLUS_LABELS} is now --ferplus-labels; the old form will go in the next release")
        words.remove(FORMER_FERPLUS_LABELS)
        words.append("--ferplus-labels")
    return words


def _option(field: str) -> str:
    return "--" + field.replace("_", "-")


def training_parser() -> argparse.ArgumentParser:
    """The parser of the command. The destination of an option is the field of the config that it sets."""
    parser = argparse.ArgumentParser(
        description="Train a facial expression model. Without --data it trains on the bundled sample with the recipe "
        "`sample`; with --data the defaults are the original project's settings.",
        usage="%(prog)s [option ...]",
        formatter_class=HelpFormatter,
    )
    add = parser.add_argument
    add("--recipe", choices=sorted(RECIPES), help="start from a recipe's settings; further options override them")
    add("--resume", type=Path, metavar="RUN", help="continue the unfinished run in this folder with its settings")
    _add_data(parser.add_argument_group("data"))
    _add_model(parser.add_argument_group("model"))
    _add_optimization(parser.add_argument_group("optimization"))
    _add_augmentation(parser.add_argument_group("augmentation"))
    _add_targets(parser.add_argument_group("soft targets", "FER+'s votes and distillation"))
    _add_transfer(parser.add_argument_group("transfer learning", "the head on a frozen backbone, then both"))
    _add_after(parser.add_argument_group("after the last epoch"))
    _add_output(parser.add_argument_group("output"))
    return parser


def _add_data(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--data", metavar="PATH", help="FER2013 or your own images: a folder, zip or CSV; else the bundled sample")
    add(
        "--classes",
        type=_names,
        default=(),
        metavar="A,B,C",
        help="class folders to train on, in the order of the model's outputs; else FER2013's seven expressions if the "
        "folders have these names, else all folders",
    )
    add("--crop", choices=CROPS, default=TrainingConfig.crop, help=f"{CROP_HELP} (default: %(default)s)")
    add(
        "--clean",
        action="store_true",
        help="train without copies of test images and, with --ferplus, without non-faces",
    )
    add("--ferplus", metavar="CSV", help="FER+'s votes for these images: fer2013new.csv or ferplus.csv")
    add("--ferplus-labels", action="store_true", help="train on FER+'s eight expressions, by the majority of its votes")
    add("--include-no-majority", action="store_true", help="with --ferplus-labels: images without a majority label too")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _add_model(group: argparse._ArgumentGroup) -> None:
    default = TrainingConfig()
    add = group.add_argument
    add("--model", choices=list_models(), default=default.model, help="architecture")
    add("--model-options", nargs="*", default=[], metavar="NAME=VALUE", help="arguments of the model, such as size=128")
    add("--dropout", type=float, help="dropout rate; else the architecture's own")
    add("--warm-start", metavar="MODEL", help="start from a trained model's weights: a .keras file or a shipped name")
    add("--backend", choices=BACKENDS, help="else the environment's KERAS_BACKEND, else an installed one")
    add(
        "--precision",
        choices=PRECISIONS,
        default=default.precision,
        help="arithmetic of a training step; auto takes bfloat16 where CPU and backend are faster with it",
    )


def _add_optimization(group: argparse._ArgumentGroup) -> None:
    default = TrainingConfig()
    add = group.add_argument
    add("--epochs", type=int, default=default.epochs, help="passes over the training images")
    add("--batch-size", type=int, default=default.batch_size, help="images in a step")
    add("--optimizer", choices=OPTIMIZERS, default=default.optimizer, help="sgd has Nesterov momentum 0.9")
    add("--learning-rate", type=float, default=default.learning_rate, help="highest learning rate of the schedule")
    add("--schedule", choices=SCHEDULES, default=default.schedule, help="schedule of the learning rate")
    add(
        "--warmup-epochs",
        type=float,
        default=default.warmup_epochs,
        help="linear increase before the cosine; cut to half of the epochs",
    )
    add("--weight-decay", type=float, default=default.weight_decay, help="decoupled; not on biases and normalization")
    add("--ema", type=float, default=default.ema, help="decay of the weights' exponential moving average; 0 for none")
    add("--class-weights", action="store_true", help="weight the loss inversely to class frequency")
    add("--seed", type=int, default=default.seed, help="seed of initial weights, dropout, shuffling, augmentation")


def _add_augmentation(group: argparse._ArgumentGroup) -> None:
    default = TrainingConfig()
    add = group.add_argument
    add(
        "--augmentation",
        nargs="?",
        const="affine",
        choices=("none", *AUGMENTATIONS),
        help="affine (also without a value): rotation 10°, shift 0.1, zoom 0.1, horizontal flip; strong: more of it, "
        "contrast, brightness and cutout",
    )
    add("--mixup", type=float, default=default.mixup, help="alpha of mixup's beta distribution; 0 for none")


def _add_targets(group: argparse._ArgumentGroup) -> None:
    default = TrainingConfig()
    add = group.add_argument
    add("--label-smoothing", type=float, default=default.label_smoothing, help="share spread over all classes")
    add(
        "--vote-weight",
        type=float,
        default=default.vote_weight,
        help="weight of FER+'s votes in the soft labels, 0 to 1",
    )
    add("--teachers", nargs="*", default=[], metavar="MODEL", help="distill the mean prediction of these models")
    add(
        "--distillation-weight",
        type=float,
        default=default.distillation_weight,
        help="weight of the teachers' prediction in the soft labels, 0 to 1",
    )
    add(
        "--distillation-temperature",
        type=float,
        default=default.distillation_temperature,
        help="softens the teachers' prediction if above 1",
    )
    add(
        "--votes-as-teacher",
        action="store_true",
        help="combine the teachers' prediction with one made from FER+'s votes (product of experts)",
    )
    add(
        "--augmented-views",
        type=int,
        default=default.augmented_views,
        help="views of each image, computed once, that the teachers predict and the student is trained on",
    )
    add(
        "--average-views",
        action="store_true",
        help="average the teachers' prediction over the views; the student is trained on new ones",
    )


def _add_transfer(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--weights", metavar="SOURCE", help="pretrained: a .h5 or .npz file, imagenet (download), or none")
    add("--head-epochs", type=int, default=Transfer.head_epochs, help="epochs of the head alone")
    add("--head-learning-rate", type=float, default=Transfer.head_learning_rate, help="constant, for Adam")
    add("--head-views", type=int, default=Transfer.head_views, help="augmented views of each image for the head")
    add(
        "--unfreeze",
        type=float,
        default=Transfer.unfreeze,
        help="share of the backbone's layers to tune, from the top",
    )
    add("--cache", action="store_true", help="with --unfreeze, compute the features of frozen layers only once")
    add(
        "--lowest-rate",
        type=float,
        default=Transfer.lowest_rate,
        help="learning rate of the lowest tuned layer, as a share of the head's",
    )
    add("--batch-norm", choices=BATCH_NORMS, default=Transfer.batch_norm, help="batch normalization in tuned layers")


def _add_after(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--recalibrate-batch-norm",
        action="store_true",
        help="use batch-norm statistics of training images without augmentation, if validation prefers them",
    )
    add("--calibrate", action="store_true", help="fit a temperature for the probabilities on the validation images")
    add("--class-offsets", action="store_true", help="with --calibrate, fit an offset for each class's logit too")


def _add_output(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--output", type=Path, metavar="FOLDER", help="else runs/MODEL-BACKEND")
    add("--overwrite", action="store_true", help="replace the run that --output holds")
    add("--tensorboard", action="store_true", help="also write TensorBoard event files")
