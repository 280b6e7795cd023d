"""Train a model: `python -m fer_zoo.train --model baseline_cnn --backend jax`."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from contextlib import nullcontext
from pathlib import Path

from fer_zoo.backend import select_backend
from fer_zoo.cli.console_reporter import ConsoleReporter
from fer_zoo.cli.train_joining import Member, joined, member, refuse_other_backends
from fer_zoo.cli.train_options import present_names, training_parser
from fer_zoo.cli.train_processes import run_processes
from fer_zoo.console import out
from fer_zoo.cpu import cores
from fer_zoo.data.augment import AUGMENTATIONS
from fer_zoo.errors import LostProcessError, UsageError
from fer_zoo.models.weights import PRETRAINED, has_download
from fer_zoo.text import plural
from fer_zoo.training.config import TrainingConfig, Transfer
from fer_zoo.training.recipes import RECIPES, find_recipe
from fer_zoo.training.run_folder import is_finished, read_config, refuse_occupied

# Default for a pretrained network, or for a warm start, on the bundled sample.
_FINE_TUNING_EPOCHS = 10


def main(arguments: list[str], place: Member | None = None, folder: Path | None = None) -> int | None:
    """Run the command.

    Args:
        arguments: Arguments of the command line.
        place: Place of this process among all, if `run_processes` has started it.
        folder: The run's, which that has chosen then.
    """
    arguments = present_names(arguments)
    parser = training_parser()
    options = parser.parse_args(arguments)
    recipe = options.recipe or _default_recipe(options)
    if recipe:
        config = find_recipe(recipe).config
        transfer = vars(config.transfer) if config.transfer else {}
        if has_download(config.model) and not config.transfer and not config.warm_start:
            transfer = {"weights": "none"}  # Left out, they would be ImageNet's.
        parser.set_defaults(**{**vars(config), **transfer, "backend": None, "data": None})
    elif not options.data:
        parser.set_defaults(epochs=_FINE_TUNING_EPOCHS)
    options = parser.parse_args(arguments)
    place = place or member(options)
    options.output = folder or options.output
    if options.processes > 1:
        options.backend = options.backend or "jax"
        refuse_other_backends(options.backend)
    folder, config = _resumed(options.resume) if options.resume else _new(options)
    if options.processes > 1:
        refuse_other_backends(config.backend)  # Of a run that is resumed.
        if place is None:
            return run_processes(arguments, options.processes, folder)
    first = place is None or place.number == 0
    for line in _expectations(config, recipe) if first else []:
        out.print(line)
    from fer_zoo.training.loop import train

    try:
        with joined(place) if place else nullcontext():
            result = train(
                config,
                folder,
                resume=options.resume is not None,
                tensorboard=options.tensorboard,
                command=shlex.join(["python", "-m", "fer_zoo.train", *arguments]),
                reporter=ConsoleReporter(),
            )
    except (KeyboardInterrupt, MemoryError, OSError, LostProcessError):
        if first and (folder / "config.json").exists() and not is_finished(folder):
            several = f" --processes {options.processes}" if options.processes > 1 else ""
            out.print(f"stopped; go on with: python -m fer_zoo.train --resume {folder}{several}", markup=False)
        raise
    if not first:
        return 0
    for split, evaluation in result.evaluations.items():
        rest = f"macro-F1 {evaluation.macro_f1:.3f}, {evaluation.n:,} images"
        out.print(f"{split:13} {evaluation.accuracy_text}, {rest}")
    for line in _results(config, folder, tested=bool(result.evaluations)):
        out.print(line, markup=False)
    return 0


def _default_recipe(options: argparse.Namespace) -> str | None:
    """The recipe `sample` if a network is trained from scratch on the bundled sample, else none."""
    pretrained = options.warm_start or options.weights or options.model in PRETRAINED
    return None if options.resume or options.data or pretrained else "sample"


def _expectations(config: TrainingConfig, name: str | None) -> list[str]:
    """Lines to print before a run starts: the time that its recipe took and the accuracy that it reached."""
    lines = []
    if config.data is None:
        lines = ["The bundled sample has a tenth of FER2013's training images and all of its 7,178 test images."]
    recipe = find_recipe(name) if name else None
    if recipe is None or recipe.cost is None or config.classes:
        return lines
    if (recipe.config.model, recipe.config.epochs) != (config.model, config.epochs):
        return lines
    if name != "sample":
        return [*lines, f"On all of FER2013 this recipe took {recipe.cost} core-minutes: {recipe.public_test:.1%}."]
    used = min(cores(), 2)
    return [
        *lines,
        f"Training on it takes about {recipe.cost / used:.0f} minutes on {plural(used, 'core')} and gets about "
        f"{recipe.public_test:.0%} of the faces right; on all of FER2013 (--data) the same network gets "
        f"{RECIPES[config.model].public_test:.0%}, in over an hour.",
    ]


def _results(config: TrainingConfig, folder: Path, tested: bool) -> list[str]:
    """Lines to print after a run: the paths of the results and the commands to use them with."""
    files = {"learning curves": "curves.png"}
    if tested:
        files |= {"confusion matrix": "confusion.png", "predicted faces": "predictions.png", "report": "evaluation.md"}
    model = folder / "model.keras"
    return [
        *(f"{title + ':':17} {folder / name}" for title, name in files.items()),
        f"{'model:':17} {model}",
        f"try it on a photo: python -m fer_zoo.predict photo.jpg --model {model}",
        f"write ONNX and TFLite files: python -m export {model}"
        + (f" --data {shlex.quote(config.data)}" if config.data else ""),
        *(["train on all of FER2013: python -m fer_zoo.train --data fer2013.zip"] if config.data is None else []),
    ]


def _new(options: argparse.Namespace) -> tuple[Path, TrainingConfig]:
    names = {field.name for field in dataclasses.fields(TrainingConfig)}
    values = {name: value for name, value in vars(options).items() if name in names}
    if isinstance(options.augmentation, str):
        values["augmentation"] = AUGMENTATIONS.get(options.augmentation)
    values["teachers"] = tuple(options.teachers)
    values["model_options"] = tuple(options.model_options)
    values["transfer"] = _transfer(options)
    values["ferplus"] = options.ferplus or None
    config = TrainingConfig(**values | {"backend": options.backend or "tensorflow"})
    config = dataclasses.replace(config, backend=select_backend(options.backend))
    folder = options.output or _unused(Path("runs") / f"{config.model}-{config.backend}")
    if not options.overwrite:
        refuse_occupied(folder)
    return folder, config


def _transfer(options: argparse.Namespace) -> Transfer | None:
    if options.warm_start:
        if options.weights:
            raise UsageError("--warm-start and --weights exclude each other")
        return None
    if not options.weights and options.model in PRETRAINED and not has_download(options.model):
        raise UsageError(f"{options.model} starts from pretrained weights: pass --weights FILE, or --weights none")
    source = options.weights or ("imagenet" if has_download(options.model) else "none")
    if source == "none":
        return None
    if options.model not in PRETRAINED:
        raise UsageError(f"{options.model} has no pretrained backbone; --weights goes with {', '.join(PRETRAINED)}")
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(Transfer)}
    return Transfer(**values | {"weights": source})


def _resumed(folder: Path) -> tuple[Path, TrainingConfig]:
    config = read_config(folder)
    if is_finished(folder):
        raise UsageError(f"the run in {folder} has finished; its model is {folder / 'model.keras'}")
    select_backend(config.backend)
    return folder, config


def _unused(folder: Path) -> Path:
    """`folder`, or the first of `folder-2`, `folder-3`, … that does not exist."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate
