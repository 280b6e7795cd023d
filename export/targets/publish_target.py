"""Files for another runtime in a folder of their own, written if they pass the parity gate there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from fer_zoo import console
from fer_zoo.errors import UsageError
from fer_zoo.evaluation.parity import compare
from fer_zoo.files import temporary_folder, write_json, write_text
from fer_zoo.zoo import with_portable_paths

from ..folding import fold
from ..gates import ParityCheck, check_gates
from ..make import calibration_sample, dataset_for, facts_of, load_model
from ..options import ExportOptions
from .target import Source, Target


def publish_target(target: Target, source: Path, folder: Path, precision: str, options: ExportOptions) -> Path:
    """Write a model's files for a runtime, its labels, and `fer_zoo.json` with what was measured.

    Args:
        target: The runtime.
        source: The Keras original, a `model.keras` on the zoo's contract.
        folder: Where the files go.
        precision: One of the target's.
        options: The data and calibration; `formats`, `leave_out` and `also` are not used.

    Returns:
        The folder.

    Raises:
        UsageError: The folder is not empty.
        FerZooError: The model does not fit the contract, the runtime's converter refuses it, or the gate is missed;
            nothing is written then.
    """
    if folder.exists() and any(folder.iterdir()) and not options.force:
        raise UsageError(f"{folder} is not empty; choose another folder, or pass --force to replace it")
    model = load_model(source)
    dataset = dataset_for(model, source, options)
    test = dataset.subset("test")
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder.absolute().parent) as temporary, console.progress() as bar:
        new, between = temporary / folder.name, temporary / "between"
        new.mkdir()
        between.mkdir()
        metadata = facts_of(model, source) | {"precision": precision, "input": target.input}
        images = calibration_sample(dataset, options.calibration_images)[0]
        made_of = Source(fold(model), metadata, precision, images, between)
        bar.add_task(f"{target.title}: writing and comparing on {len(test)} images", total=None)
        target.write(made_of, new)
        if target.load is not None:
            gray = test.images[..., None].astype(np.float32)
            reference = model.predict(gray, batch_size=256, verbose=0)
            parity = compare(reference, target.load(new)(gray), test.labels, test.expressions)
            check_gates([ParityCheck(new / target.file, precision, parity)], options.report)
            metadata["parity"] = parity.to_json()
        if target.check is not None:
            options.report(target.check(made_of, new))
        write_text(new / "labels.txt", "\n".join(metadata["labels"]) + "\n")
        write_json(new / "fer_zoo.json", {"schema": 1, **metadata, "command": with_portable_paths(options.command)})
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(new, folder)
    return folder
