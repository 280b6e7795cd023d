"""Train a model: `python -m fer_zoo.train --model baseline_cnn --backend jax`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from fer_zoo.backend import BACKENDS, select_backend
from fer_zoo.console import out, run
from fer_zoo.data.augment import AUGMENTATIONS
from fer_zoo.errors import UsageError
from fer_zoo.models import list_models
from fer_zoo.models.weights import PRETRAINED, has_download
from fer_zoo.training.config import BATCH_NORMS, OPTIMIZERS, PRECISIONS, SCHEDULES, TrainingConfig, Transfer
from fer_zoo.training.recipes import RECIPES, find_recipe

# The bundled sample is a tenth of FER2013: a run to see the product work, in a minute or two.
_SAMPLE_EPOCHS = 10


def main(arguments: list[str]) -> int | None:
    parser = _parser()
    if recipe := parser.parse_args(arguments).recipe:
        config = find_recipe(recipe).config
        transfer = {} if config.transfer is None else vars(config.transfer)
        parser.set_defaults(**{**vars(config), **transfer, "backend": None, "data": None})
    given = parser.parse_args(arguments)
    folder, config = _resumed(given) if given.resume else _new(given)
    from fer_zoo.training.run import train

    try:
        evaluations = train(config, folder, given.tensorboard)
    except KeyboardInterrupt:
        out.print(f"stopped; go on with: python -m fer_zoo.train --resume {folder}")
        raise
    for split, evaluation in evaluations.items():
        rest = f"macro-F1 {evaluation.macro_f1:.3f}, {evaluation.n:,} images"
        out.print(f"{split:13} {evaluation.accuracy_text}, {rest}")
    out.print(f"model, report and plots are in {folder}")
    return 0


def _new(given: argparse.Namespace) -> tuple[Path, TrainingConfig]:
    names = {field.name for field in dataclasses.fields(TrainingConfig)}
    values = {name: value for name, value in vars(given).items() if name in names}
    if given.epochs is None:
        values["epochs"] = TrainingConfig.epochs if given.data else _SAMPLE_EPOCHS
    if isinstance(given.augmentation, str):
        values["augmentation"] = AUGMENTATIONS.get(given.augmentation)
    values["teachers"] = tuple(given.teachers)
    values["model_options"] = tuple(given.model_options)
    values["transfer"] = _transfer(given)
    values["ferplus"] = given.ferplus or None
    config = TrainingConfig(**values | {"backend": given.backend or "tensorflow"})
    config = dataclasses.replace(config, backend=select_backend(given.backend))
    folder = given.output or _unused(Path("runs") / f"{config.model}-{config.backend}")
    if (folder / "config.json").exists():
        raise UsageError(f"{folder} already holds a run; choose another --output, or go on with --resume {folder}")
    return folder, config


def _transfer(given: argparse.Namespace) -> Transfer | None:
    if given.warm_start:
        if given.weights:
            raise UsageError("--warm-start and --weights exclude each other")
        return None
    if not given.weights and given.model in PRETRAINED and not has_download(given.model):
        raise UsageError(f"{given.model} starts from pretrained weights: pass --weights with a file, or --weights none")
    source = given.weights or ("imagenet" if has_download(given.model) else "none")
    if source == "none":
        return None
    if given.model not in PRETRAINED:
        raise UsageError(f"{given.model} has no pretrained backbone; --weights goes with {', '.join(PRETRAINED)}")
    values = {field.name: getattr(given, field.name) for field in dataclasses.fields(Transfer)}
    return Transfer(**values | {"weights": source})


def _resumed(given: argparse.Namespace) -> tuple[Path, TrainingConfig]:
    config = TrainingConfig.load(given.resume / "config.json")
    checkpoints = [given.resume / name for name in ("checkpoint.npz", "head_checkpoint.npz")]
    if (given.resume / "model.keras").exists() and not any(path.exists() for path in checkpoints):
        raise UsageError(f"the run in {given.resume} has finished; its model is {given.resume / 'model.keras'}")
    select_backend(config.backend)
    return given.resume, config


def _unused(folder: Path) -> Path:
    """`folder`, or the first of `folder-2`, `folder-3`, … that does not exist."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate


def _parser() -> argparse.ArgumentParser:
    default = TrainingConfig()
    parser = argparse.ArgumentParser(
        description="Train a facial expression model; the defaults are the original project's recipe.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--recipe", choices=sorted(RECIPES), help="settings that other options override")
    add("--model", choices=list_models(), default=default.model)
    add("--backend", choices=BACKENDS, help="else the environment's KERAS_BACKEND, else an installed one")
    add("--data", metavar="PATH", help="folder, zip or CSV of FER2013; else the bundled sample")
    add("--epochs", type=int, help=f"else {default.epochs}, or {_SAMPLE_EPOCHS} on the bundled sample")
    add("--batch-size", type=int, default=default.batch_size)
    add("--optimizer", choices=OPTIMIZERS, default=default.optimizer)
    add("--learning-rate", type=float, default=default.learning_rate)
    add("--schedule", choices=SCHEDULES, default=default.schedule, help="of the learning rate")
    add("--warmup-epochs", type=float, default=default.warmup_epochs, help="cosine only")
    add("--weight-decay", type=float, default=default.weight_decay, help="decoupled; not on biases and normalization")
    add("--label-smoothing", type=float, default=default.label_smoothing)
    add("--ema", type=float, default=default.ema, help="decay a step of the weights' moving average; 0 for none")
    add("--dropout", type=float, help="else the model's own")
    add(
        "--augmentation",
        nargs="?",
        const="affine",
        choices=("none", *AUGMENTATIONS),
        help="affine (where only the option is given): rotation 10°, shift 0.1, zoom 0.1, horizontal flip; strong: "
        "more of it, contrast, brightness and cutout",
    )
    add("--mixup", type=float, default=default.mixup, help="alpha of its beta distribution; 0 for none")
    add("--class-weights", action="store_true", help="weigh the loss inversely to class frequency")
    add("--clean", action="store_true", help="train without copies of test images, and without FER+'s non-faces")
    add("--ferplus", metavar="CSV", help="FER+'s votes: fer2013new.csv or ferplus.csv")
    add("--ambiguous", action="store_true", help="train on images without a majority too, for FER+'s expressions")
    add("--votes", type=float, default=default.votes, help="share of FER+'s votes in the targets")
    add("--teachers", nargs="*", default=[], metavar="MODEL", help="models whose mean answer is taught too; or none")
    add("--distillation", type=float, default=default.distillation, help="share of the teachers' answer in the targets")
    add("--temperature", type=float, default=default.temperature, help="flattens the teachers' answer where above 1")
    add("--votes-teach", action="store_true", help="multiply that answer by what FER+'s votes say about the label")
    add(
        "--views", type=int, default=default.views, help="forms of each image shown to the teachers; 0 without teachers"
    )
    add("--mean-views", action="store_true", help="teach the mean answer about them, and augment anew each epoch")
    add("--renew-statistics", action="store_true", help="normalize for plain images at the end, if no worse")
    add("--calibrate", action="store_true", help="scale the logits by a temperature fitted where the epoch is chosen")
    add("--class-offsets", action="store_true", help="with --calibrate, fit an offset for each class's logits too")
    add("--warm-start", metavar="MODEL", help="trained model to begin with: a .keras file or a shipped name")
    add("--model-options", nargs="+", default=[], metavar="NAME=VALUE", help="arguments of the model, such as size=128")
    transfer = parser.add_argument_group(
        "transfer learning", "the head first, on a frozen backbone; then both"
    ).add_argument
    transfer("--weights", metavar="SOURCE", help="a .h5 or .npz file, imagenet (download), or none: one phase")
    transfer("--head-epochs", type=int, default=Transfer.head_epochs)
    transfer("--head-learning-rate", type=float, default=Transfer.head_learning_rate)
    transfer("--head-views", type=int, default=Transfer.head_views, help="augmented forms of each image for the head")
    transfer("--cache", action="store_true", help="compute features of what stays frozen once in the second phase too")
    transfer("--unfreeze", type=float, default=Transfer.unfreeze, help="share of the backbone, from its top")
    transfer(
        "--lowest-rate", type=float, default=Transfer.lowest_rate, help="of the lowest unfrozen layer, of the head's"
    )
    transfer("--batch-norm", choices=BATCH_NORMS, default=Transfer.batch_norm, help="in what is unfrozen")
    add("--precision", choices=PRECISIONS, default=default.precision, help="of the compute in a training step")
    add("--seed", type=int, default=default.seed)
    add("--output", type=Path, metavar="FOLDER", help="else runs/MODEL-BACKEND")
    add(
        "--resume", type=Path, metavar="FOLDER", help="go on with the run in FOLDER; other options come from its config"
    )
    add("--tensorboard", action="store_true", help="also write TensorBoard event files")
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
