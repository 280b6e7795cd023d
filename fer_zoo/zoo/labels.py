"""Finds the labels of a model file: in the file, in a manifest, or in the config of its run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.zoo.find import find_entry
from fer_zoo.zoo.keras_file import keras_labels
from fer_zoo.zoo.manifest import artifacts_dir
from fer_zoo.zoo.provenance import run_config


def labels_of(path: Path, classes: int) -> tuple[str, ...]:
    """The labels of a model file, in the order of its outputs.

    They come from the `.keras` file itself, else from a manifest that lists the file, else from the `config.json` of
    its run. Files of earlier versions without any of these have FER2013's seven expressions or FER+'s eight.

    Args:
        path: The model file.
        classes: Number of its outputs.

    Raises:
        FerZooError: No labels for this number of outputs were found, or the file that has them cannot be read.
    """
    if path.suffix == ".keras" and (labels := keras_labels(path)):
        return labels
    recorded = [tuple(labels) for labels in _recorded(path)] + [EXPRESSIONS, FERPLUS_EXPRESSIONS]
    matching = next((labels for labels in recorded if len(labels) == classes), None)
    if matching is None:
        raise FerZooError(
            f"it has {classes} outputs, and neither the file nor a manifest.json or config.json beside it names their "
            "labels; train or export the model again with this version"
        )
    return matching


def common_labels(paths: Sequence[Path], outputs: Sequence[int]) -> tuple[str, ...]:
    """The labels that all of several model files have, which are to be combined into one model.

    Args:
        paths: The model files.
        outputs: Number of outputs of each file.

    Raises:
        UsageError: The files do not all have the same labels.
        FerZooError: The labels of a file cannot be found, as in `labels_of`.
    """
    first, *others = [labels_of(path, count) for path, count in zip(paths, outputs, strict=True)]
    for path, labels in zip(paths[1:], others, strict=True):
        if labels != first:
            raise UsageError(
                f"{paths[0]} has the classes {', '.join(first)}, and {path} {', '.join(labels)}; only models "
                "of the same classes can be combined"
            )
    return first


def _recorded(path: Path) -> list[list[str]]:
    """The labels in the zoo's manifest, in a manifest beside the file, and in the config of the run."""
    entries = [find_entry(path, artifacts_dir())]
    with suppress(FerZooError):  # Another program's manifest.json may lie beside the file.
        entries.append(find_entry(path, path.parent))
    recorded = [entry.output["labels"] for entry in entries if entry is not None]
    return [*recorded, run_config(path.parent).get("data", {}).get("labels", [])]
