"""Weight averaging (model soups): the mean of the weights of several trainings, if it is better on PublicTest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.data import TrainingData, copies_of_train
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.evaluation import Evaluation, write_report
from fer_zoo.evaluation.model import images_for
from fer_zoo.files import atomic_path, sha256, write_bytes, write_json
from fer_zoo.inference.predictor import Predictor
from fer_zoo.training.calibration import calibrate, calibrated_loss, logits_of
from fer_zoo.training.folder_lock import locked
from fer_zoo.training.reporter import SILENT, Reporter
from fer_zoo.training.warm_start import layer_shapes
from fer_zoo.zoo import common_labels, read_keras, run_config
from fer_zoo.zoo.keras_file import save_keras

_COPIED = ("history.csv", "history.json", "curves.png")


def average(
    paths: list[Path],
    folder: Path,
    data: str | None = None,
    class_offsets: bool = False,
    command: str | None = None,
    reporter: Reporter = SILENT,
) -> dict[str, Evaluation]:
    """Average the weights of several trainings of one model, and write the calibrated result to `folder/model.keras`.

    Trainings that start from the same weights end in the same basin of the loss, which is often lower in its middle.
    This is the greedy soup of Wortsman et al. 2022, "Model soups" (https://arxiv.org/abs/2203.05482): beginning with
    the model of the lowest loss on PublicTest, each next model joins the average if that lowers the loss. Losses are
    compared after calibration, since an average that is not calibrated would lose against a calibrated model.

    Args:
        paths: `.keras` files of one architecture. Config and curves beside the first one that joins are copied.
        folder: Where to write; an evaluation report is written beside the model.
        data: Folder, zip or CSV; `None` as in `images_for`.
        class_offsets: Whether an offset for each class is fitted together with the temperature.
        command: The command line, for `config.json`.
        reporter: Receives a message for each loss.

    Returns:
        The evaluation on each test split.

    Raises:
        UsageError: A file is missing or of another architecture, or there are no PublicTest images.
        FerZooError: A file is no Keras model, or no average has a lower loss than the best model alone.
    """
    models = [read_keras(path) for path in paths]
    for path, other in zip(paths, models, strict=True):
        if list(layer_shapes(other).items()) != list(layer_shapes(models[0]).items()):
            raise UsageError(f"{path} is of another architecture than {paths[0]}: their weights cannot be averaged")
    classes = common_labels(paths, [other.output_shape[1] for other in models])
    dataset = images_for(paths[0], classes, data)
    if not dataset.has("public_test"):
        raise UsageError(f"{dataset.source} has no PublicTest images to choose on")
    test, chosen = dataset.subset("test"), dataset.subset("public_test")
    images, labels = chosen.images, np.asarray(chosen.labels)
    weights = [other.get_weights() for other in models]
    logits = logits_of(models[0])  # Used for all models, since it is compiled only once.

    def loss_of(weights: list[np.ndarray]) -> float:
        models[0].set_weights(weights)
        return calibrated_loss(logits(images[..., None]), labels, class_offsets)

    losses = [loss_of(each) for each in weights]
    best, *others = np.argsort(losses)
    lowest, members = losses[best], [int(best)]
    for path, loss in zip(paths, losses, strict=True):
        reporter.message(f"{path}  PublicTest loss {loss:.4f}")
    for other in others:
        loss = loss_of(_mean([weights[member] for member in [*members, other]]))
        reporter.message(f"average with {paths[other]}  PublicTest loss {loss:.4f}")
        if loss < lowest:
            lowest, members = loss, [*members, int(other)]
    if len(members) == 1:
        raise FerZooError(f"no average has a lower loss on PublicTest than {paths[best]}; nothing was written")
    model = models[best]
    model.set_weights(_mean([weights[member] for member in members]))
    calibration = calibrate(model, images, labels, class_offsets)
    joined = [paths[member] for member in sorted(members)]
    averaged = [training for path in joined for training in _trainings(path, 1 / len(joined))]
    config = run_config(joined[0].parent) | {"command": command, "averaged": averaged}
    if class_offsets:
        config["training"] = config.get("training", {}) | {"class_offsets": True}
    with locked(folder):
        write_json(folder / "config.json", config | {"finished": False})
        with atomic_path(folder / "model.keras") as temporary:
            save_keras(model, temporary, classes)
        for name in _COPIED:
            if (joined[0].parent / name).exists():
                write_bytes(folder / name, (joined[0].parent / name).read_bytes())
        probabilities = Predictor(model)(test.images[..., None])
        facts = {"average of the weights of": " and ".join(map(str, joined))} | calibration.facts(dataset.expressions)
        trained_on = TrainingData.of_config(config)
        copies = copies_of_train(dataset, test, trained_on)
        evaluations = write_report(folder, model.name, test, probabilities, facts, trained_on, copies)
        write_json(folder / "config.json", config | {"finished": True})
        return evaluations


def _mean(weights: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.mean(same, axis=0) for same in zip(*weights, strict=True)]


def _trainings(path: Path, share: float) -> list[dict[str, Any]]:
    """The training of a model, or those that it is an average of already, with their shares of the new average."""
    config = run_config(path.parent)
    if averaged := config.get("averaged"):
        return [training | {"share": share * training.get("share", 1 / len(averaged))} for training in averaged]
    return [{"path": str(path), "sha256": sha256(path), "command": config.get("command"), "share": share}]
