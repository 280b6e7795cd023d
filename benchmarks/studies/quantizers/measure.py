"""Write every quantizer's file of a model and compare it with the Keras original.

Everything is calibrated on the same training images and measured on PublicTest, the split that choices are made on.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_zoo import console
from fer_zoo.data import Dataset, load_dataset
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import compare
from fer_zoo.evaluation.significance import paired_test
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier

from ... import export_module
from ...table import read_record, write_record
from .methods import Models, Quantizer, quantizers
from .rows import QuantizerRow, QuantizerStudy

_convert, _folding, _make = (export_module(name) for name in ("convert", "folding", "make"))


def compare_quantizers(
    source: Path, path: Path, data: Path | None = None, calibration: int = 512, fresh: bool = False
) -> QuantizerStudy:
    """Measure every quantizer, and write the study after each.

    An interrupted run goes on after the rows it finished, and so does a run after which more quantizers are installed.

    Args:
        source: A `model.keras` on the zoo's contract.
        path: JSON file of the study.
        data: Folder, zip or CSV; `None` is the bundled sample.
        calibration: Training images to calibrate on.
        fresh: Drop the rows of an earlier run.

    Raises:
        FerZooError: The model does not fit the contract, or the data has no PublicTest.
    """
    model = _make.load_model(source)
    dataset = load_dataset(data)
    test = dataset.subset("public_test")
    if not len(test):
        raise FerZooError(f"{dataset.source} has no PublicTest images, which quantizers are chosen on")
    images, labels = _make.calibration_sample(dataset, calibration)
    models = Models(_folding.fold(model), images, labels)
    reference = model.predict(test.images[..., None].astype(np.float32), batch_size=256, verbose=0)
    study = QuantizerStudy(model.name, sha256(source), len(test), len(images), dataset.fingerprint)
    earlier = None if fresh else read_record(path, QuantizerStudy)
    same = earlier is not None and replace(earlier, rows=(), failed=()) == study
    finished = {(row.name, row.format): row for row in earlier.rows} if earlier and same else {}
    with tempfile.TemporaryDirectory() as folder, console.progress() as bar:
        full = {name: Path(folder) / f"full.{name}" for name in ("onnx", "tflite")}
        _convert.to_onnx(models.folded, full["onnx"])
        export_module("tflite").to_tflite(models.folded, full["tflite"])
        for quantizer in bar.track(quantizers(), description="quantizers"):
            row = finished.pop((quantizer.name, quantizer.format), None)
            file = Path(folder) / f"model.{quantizer.format}"
            try:
                row = row or _measure(quantizer, models, file, full[quantizer.format], reference, test)
                study = replace(study, rows=(*study.rows, row))
            except Exception as error:  # Each tool has exceptions of its own; the others are measured all the same.
                reason = str(error).strip().splitlines()[0][:200]
                study = replace(study, failed=(*study.failed, f"{quantizer.name} ({quantizer.format}): {reason}"))
            write_record(path, replace(study, rows=(*study.rows, *finished.values())))
    write_record(path, study)
    return study


def _measure(
    quantizer: Quantizer,
    models: Models,
    file: Path,
    full: Path,
    reference: np.ndarray,
    test: Dataset,
) -> QuantizerRow:
    remark = quantizer.write(models, file)
    with console.native_messages_dropped():
        probabilities = load_classifier(file).predict_proba(test.images)
    parity = compare(reference, probabilities, test.labels, test.expressions)
    paired = paired_test(*(values.argmax(1) == test.labels for values in (reference, probabilities)))
    return QuantizerRow(
        name=quantizer.name,
        format=quantizer.format,
        ours=quantizer.ours,
        remark=remark,
        bytes=file.stat().st_size,
        share=file.stat().st_size / full.stat().st_size,
        accuracy_delta=parity.accuracy_delta,
        accuracy_delta_interval=paired.accuracy_delta_interval,
        mcnemar_p=paired.mcnemar_p,
        agreement=parity.argmax_agreement,
        kl=parity.kl,
        mean_abs_diff=parity.mean_abs_diff,
    )
