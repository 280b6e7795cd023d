"""Quantizers side by side: `python -m export compare-quantizers MODEL.keras [--output FOLDER]`.

Everything is calibrated on the same training images and measured on PublicTest, the split that choices are made on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from fer_zoo import console
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import compare
from fer_zoo.evaluation.significance import paired_test
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import artifacts_dir, in_package

from .convert import to_onnx, to_tflite
from .folding import fold
from .make import calibration_sample, load_model
from .quantizer_report import Row, finished_rows, write_report, write_rows
from .quantizers import Models, Quantizer, quantizers


def compare_quantizers(
    source: Path, output: Path | None = None, data: str | None = None, calibration: int = 512, fresh: bool = False
) -> list[Row]:
    """Write every quantizer's file of a model, measure it, and leave a table, its JSON and CSV, and a plot.

    An interrupted run goes on after the rows it finished, and so does a run after which more quantizers are installed.

    Args:
        source: A `model.keras` on the zoo's contract.
        output: Folder of the report; `experiments/quantizers` in the artifacts folder where not given, `quantizers`
            after pip install.
        data: Folder, zip or CSV; `None` is the bundled sample.
        calibration: Training images to calibrate on.
        fresh: Drop the rows of an earlier run.

    Raises:
        FerZooError: The model does not fit the contract, or the data has no PublicTest.
    """
    model = load_model(source)
    dataset = load_dataset(data)
    test = dataset.subset("public_test")
    if not len(test):
        raise FerZooError(f"{dataset.source} has no PublicTest images, which quantizers are chosen on")
    images, labels = calibration_sample(dataset, calibration)
    folded = fold(model)
    models = Models(folded, images, labels)
    reference = model.predict(test.images[..., None].astype(np.float32), batch_size=256, verbose=0)
    if output is None:
        output = Path("quantizers") if in_package(artifacts_dir()) else artifacts_dir() / "experiments" / "quantizers"
    report = {"model": model.name, "sha256": sha256(source), "n": len(test), "calibration_images": len(images)}
    report |= {"data": dataset.fingerprint}
    finished = {} if fresh else finished_rows(output, report)
    rows: list[Row] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder, console.progress() as bar:
        full = {name: Path(folder) / f"full.{name}" for name in ("onnx", "tflite")}
        to_onnx(folded, full["onnx"])
        to_tflite(folded, full["tflite"])
        for quantizer in bar.track(quantizers(), description="quantizers"):
            if kept := finished.get((quantizer.name, quantizer.format)):
                rows.append(kept)
                continue
            file = Path(folder) / f"model.{quantizer.format}"
            try:
                remark = quantizer.write(models, file)
                with console.native_stderr_silenced():
                    probabilities = load_classifier(file).predict_proba(test.images)
            except Exception as error:  # Each tool has exceptions of its own; the others are measured all the same.
                failed.append(f"{quantizer.name} ({quantizer.format}): {str(error).strip().splitlines()[0][:200]}")
                continue
            size = file.stat().st_size
            rows.append(_row(quantizer, remark, size, full[quantizer.format], reference, probabilities, test.labels))
            write_rows(output, report, [*rows, *(row for row in finished.values() if row not in rows)], failed)
    page = write_report(output, report, rows, failed)
    console.out.print(page, markup=False)
    return rows


def _row(
    quantizer: Quantizer,
    remark: str,
    size: int,
    full: Path,
    reference: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
) -> Row:
    parity = compare(reference, probabilities, labels)
    paired = paired_test(*(values.argmax(1) == labels for values in (reference, probabilities)))
    low, high = paired["accuracy_delta_interval"]
    return Row(
        name=quantizer.name,
        format=quantizer.format,
        ours=quantizer.ours,
        remark=remark,
        bytes=size,
        share=size / full.stat().st_size,
        accuracy_delta=parity.accuracy_delta,
        accuracy_delta_low=low,
        accuracy_delta_high=high,
        mcnemar_p=paired["mcnemar_p"],
        agreement=parity.argmax_agreement,
        kl=parity.kl,
        mean_abs_diff=parity.mean_abs_diff,
    )
