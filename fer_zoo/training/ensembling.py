"""Ensembles of trained models, with weights and temperature given or fitted on PublicTest."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from fer_zoo.data import TrainingData, copies_of_train
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.evaluation import Evaluation, write_report
from fer_zoo.evaluation.model import images_for
from fer_zoo.files import atomic_path, sha256, write_json
from fer_zoo.inference.predictor import Predictor
from fer_zoo.models.ensemble import ensemble, fit_weights
from fer_zoo.training.calibration import fit_temperature
from fer_zoo.training.folder_lock import locked
from fer_zoo.zoo import common_labels, fetch, is_fine_tuned_file, load_manifest, read_keras, run_config
from fer_zoo.zoo.keras_file import save_keras


def build_ensemble(
    paths: list[Path],
    folder: Path,
    backend: str,
    data: str | None = None,
    weights: list[float] | None = None,
    fit: bool = False,
    command: str | None = None,
) -> dict[str, Evaluation]:
    """Average the probabilities of trained models in one model, and evaluate it.

    Args:
        paths: `.keras` files on the zoo's contract, all of the same classes.
        folder: Gets `model.keras`, named after the folder, `config.json` and the evaluation report.
        backend: Keras's, for the record.
        data: Folder, zip or CSV; `None` as in `images_for`.
        weights: One for each model; equal where not given.
        fit: Fit the weights on PublicTest, and then the temperature.
        command: The command line, for `config.json`.

    Returns:
        The evaluation on each test split.

    Raises:
        UsageError: A file is missing, the models have different classes, or there are no PublicTest images to
            fit on.
        FerZooError: A file is no model of the zoo's contract.
    """
    members = [_load(path) for path in paths]
    labels = common_labels(paths, [member.output_shape[1] for member in members])
    dataset = images_for(paths[0], labels, data)
    test = dataset.subset("test")
    images = test.images[..., None]
    temperature = 1.0
    if fit:
        chosen = test.splits == "public_test"
        if not chosen.any():
            raise UsageError(f"{dataset.source} has no PublicTest images to fit the weights on")
        probabilities = np.stack([Predictor(member)(images[chosen]) for member in members])
        weights = fit_weights(probabilities, test.labels[chosen]).tolist()
        mean = np.maximum(np.tensordot(weights, probabilities, 1), 1e-12)
        temperature = fit_temperature(np.log(mean), test.labels[chosen])
    model = ensemble(members=members, weights=weights, temperature=temperature, name=folder.name)
    shares = weights or [1.0] * len(members)
    records = [
        {
            "path": str(path),
            "model": member.name,
            "architecture": run_config(path.parent).get("training", {}).get("model", member.name),
            "sha256": sha256(path),
            "weight": share / sum(shares),
            # Whether its training started from published weights.
            "fine_tuned": is_fine_tuned_file(path),
        }
        for path, member, share in zip(paths, members, shares, strict=True)
    ]
    trained_on = _common_data(paths)
    names = " + ".join(f"{record['weight']:.2f} {record['model']}" for record in records)
    facts = {"members": names, "temperature": f"{temperature:.3f}"}
    probabilities = Predictor(model)(images)
    copies = copies_of_train(dataset, test, trained_on)
    config = {
        "model": model.name,
        "backend": backend,
        "command": command,
        "members": records,
        "temperature": temperature,
        "chosen_on": "PublicTest" if fit else None,
        "weights": model.count_params(),
        "data": trained_on.to_json() if trained_on else {},
    }
    with locked(folder):
        write_json(folder / "config.json", config | {"finished": False})
        with atomic_path(folder / "model.keras") as temporary:
            save_keras(model, temporary, labels)
        evaluations = write_report(folder, model.name, test, probabilities, facts, trained_on, copies)
        write_json(folder / "config.json", config | {"finished": True})
        return evaluations


def _common_data(paths: list[Path]) -> TrainingData | None:
    """The training data of all members, `None` where it is not recorded or not the same."""
    first, *others = [TrainingData.of_config(run_config(path.parent)) for path in paths]
    same = first is not None and all(
        other is not None and (other.kind, other.fingerprint) == (first.kind, first.fingerprint) for other in others
    )
    return first if same else None


def rebuild_ensemble(config: Path, folder: Path, artifacts: Path) -> Path:
    """Make an ensemble again from the members that its `config.json` names, `folder/model.keras`.

    Args:
        config: As `build_ensemble` wrote it.
        folder: Where to write.
        artifacts: The artifacts folder, whose Keras originals the members are. Those that do not ship by themselves
            are in the folder `members` beside the config.

    Returns:
        Path of the model.

    Raises:
        FerZooError: The config is of no ensemble, or a member is in neither place.
    """
    facts = run_config(config.parent)
    if not facts.get("members"):
        raise FerZooError(f"{config} names no members to make the model again from")
    known = [*load_manifest(artifacts, absent=True), *load_manifest(artifacts)]  # Those on this machine come last.
    originals = {a.sha256: a for a in known if a.format == "keras"}
    beside_config = {sha256(path): path for path in (config.parent / "members").glob("*.keras")}
    members = []
    for member in facts["members"]:
        checksum = member["sha256"]
        if checksum not in originals and checksum not in beside_config:
            raise FerZooError(
                f"{facts['model']} was made of another {member['model']} than the one in {artifacts}; "
                f"put the file with the sha256 {checksum} into {config.parent / 'members'}"
            )
        members.append(_load(beside_config.get(checksum) or fetch(originals[checksum], artifacts)))
    weights = [member["weight"] for member in facts["members"]]
    with atomic_path(folder / "model.keras") as temporary:
        model = ensemble(members=members, weights=weights, temperature=facts["temperature"], name=facts["model"])
        save_keras(model, temporary, facts["data"].get("labels", ()))
    return folder / "model.keras"


def _load(path: Path) -> keras.Model:
    model = read_keras(path)
    if [layer.name for layer in model.layers[-2:]] != ["logits", "probabilities"]:
        raise FerZooError(f"{path} is no model of the zoo: its last layers are not logits and probabilities")
    return model
