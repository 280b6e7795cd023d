"""The options of `python -m fer_zoo.train`, in groups; their defaults are `TrainingConfig`'s and `Transfer`'s."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

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


# The choices of settings that have a fixed set of values.
_CHOICES = {
    "batch_norm": BATCH_NORMS,
    "crop": CROPS,
    "model": list_models(),
    "optimizer": OPTIMIZERS,
    "precision": PRECISIONS,
    "schedule": SCHEDULES,
}


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
    _add_settings(
        parser.add_argument_group("optimization"),
        epochs="passes over the training images",
        batch_size="images in a step",
        optimizer="sgd has Nesterov momentum 0.9",
        learning_rate="highest learning rate of the schedule",
        schedule="schedule of the learning rate",
        warmup_epochs="linear increase before the cosine; cut to half of the epochs",
        weight_decay="decoupled; not on biases and normalization",
        ema="decay of the weights' exponential moving average; 0 for none",
        class_weights="weight the loss inversely to class frequency",
        seed="seed of initial weights, dropout, shuffling, augmentation",
    )
    _add_augmentation(parser.add_argument_group("augmentation"))
    _add_targets(parser.add_argument_group("soft targets", "FER+'s votes, distillation, landmarks"))
    _add_transfer(parser.add_argument_group("transfer learning", "the head on a frozen backbone, then both"))
    _add_settings(
        parser.add_argument_group("after the last epoch"),
        recalibrate_batch_norm="use batch-norm statistics of training images without augmentation, if validation "
        "prefers them",
        calibrate="fit a temperature for the probabilities on the validation images",
        class_offsets="with --calibrate, fit an offset for each class's logit too",
    )
    output = parser.add_argument_group("output").add_argument
    output("--output", type=Path, metavar="FOLDER", help="else runs/MODEL-BACKEND")
    output("--overwrite", action="store_true", help="replace the run that --output holds")
    output("--tensorboard", action="store_true", help="also write TensorBoard event files")
    processes = parser.add_argument_group("several processes", "that train one model together, on JAX").add_argument
    processes("--processes", type=int, default=1, help="their number; without the next two, all on this machine")
    processes("--coordinator", metavar="HOST:PORT", help="where process 0 runs and waits for the others")
    processes("--process-id", type=int, metavar="K", help="number of this process, from 0")
    return parser


def _add_settings(group: argparse._ArgumentGroup, **helps: str) -> None:
    """Add an option for each setting, by its name; type and default are those of the field of the config."""
    for name, text in helps.items():
        default = getattr(TrainingConfig if hasattr(TrainingConfig, name) else Transfer, name)
        if default is False:
            group.add_argument(_option(name), action="store_true", help=text)
        else:
            kind: Any = None if name in _CHOICES else type(default)
            group.add_argument(_option(name), type=kind, choices=_CHOICES.get(name), default=default, help=text)


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
    _add_settings(
        group,
        crop=f"{CROP_HELP} (default: %(default)s)",
        clean="train without copies of test images and, with --ferplus, without non-faces",
    )
    add("--ferplus", metavar="CSV", help="FER+'s votes for these images: fer2013new.csv or ferplus.csv")
    _add_settings(
        group,
        ferplus_labels="train on FER+'s eight expressions, by the majority of its votes",
        include_no_majority="with --ferplus-labels: images without a majority label too",
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _add_model(group: argparse._ArgumentGroup) -> None:
    _add_settings(group, model="architecture")
    add = group.add_argument
    add("--model-options", nargs="*", default=[], metavar="NAME=VALUE", help="arguments of the model, such as size=128")
    add("--dropout", type=float, help="dropout rate; else the architecture's own")
    add("--warm-start", metavar="MODEL", help="start from a trained model's weights: a .keras file or a shipped name")
    add("--backend", choices=BACKENDS, help="else the environment's KERAS_BACKEND, else an installed one")
    _add_settings(
        group,
        precision="arithmetic of a training step; auto takes bfloat16 where that is faster on this processor",
    )


def _add_augmentation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--augmentation",
        nargs="?",
        const="affine",
        choices=("none", *AUGMENTATIONS),
        help="affine (also without a value): rotation 10°, shift 0.1, zoom 0.1, horizontal flip; strong: more of it, "
        "contrast, brightness and cutout",
    )
    _add_settings(group, mixup="alpha of mixup's beta distribution; 0 for none")


def _add_targets(group: argparse._ArgumentGroup) -> None:
    _add_settings(
        group,
        label_smoothing="share spread over all classes",
        vote_weight="weight of FER+'s votes in the soft labels, 0 to 1",
    )
    group.add_argument(
        "--teachers", nargs="*", default=[], metavar="MODEL", help="distill the mean prediction of these models"
    )
    _add_settings(
        group,
        distillation_weight="weight of the teachers' prediction in the soft labels, 0 to 1",
        distillation_temperature="softens the teachers' prediction if above 1",
        votes_as_teacher="combine the teachers' prediction with one made from FER+'s votes (product of experts)",
        augmented_views="views of each image, computed once, that the teachers predict and the student is trained on",
        average_views="average the teachers' prediction over the views; the student is trained on new ones",
        landmark_weight="weight of the error of the landmarks in the loss, for a model that finds them; 0 for none",
    )


def _add_transfer(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights", metavar="SOURCE", help="pretrained: a .h5 or .npz file, imagenet (download), or none"
    )
    _add_settings(
        group,
        head_epochs="epochs of the head alone",
        head_learning_rate="constant, for Adam",
        head_views="augmented views of each image for the head",
        unfreeze="share of the backbone's layers to tune, from the top",
        cache="with --unfreeze, compute the features of frozen layers only once",
        lowest_rate="learning rate of the lowest tuned layer, as a share of the head's",
        batch_norm="batch normalization in tuned layers",
    )
