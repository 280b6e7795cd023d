"""The table of the quantizers of one model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QuantizerRow:
    """One quantizer's file, compared with the Keras original on PublicTest.

    Attributes:
        name: Name of the quantizer.
        format: `onnx` or `tflite`.
        ours: Whether `export` uses this quantizer.
        remark: Remark of the quantizer about its choices; may be empty.
        bytes: File size.
        share: File size divided by that of the float32 file of the same format, 0..1.
        accuracy_delta: Accuracy of the file minus that of the original, -1..1.
        accuracy_delta_interval: Paired 95 % interval of that difference.
        mcnemar_p: p value of McNemar's exact test, two-sided.
        agreement: Share of images with the same prediction as the original, 0..1.
        kl: Mean Kullback-Leibler divergence from the original, in nats.
        mean_abs_diff: Mean |Δp|, 0..1.
    """

    name: str
    format: str
    ours: bool
    remark: str
    bytes: int
    share: float
    accuracy_delta: float
    accuracy_delta_interval: tuple[float, float]
    mcnemar_p: float
    agreement: float
    kl: float
    mean_abs_diff: float


@dataclass(frozen=True)
class QuantizerStudy:
    """The quantizers of one model.

    Attributes:
        model: Name of the Keras model.
        sha256: SHA-256 of its file.
        n: Number of PublicTest images on which all files are compared.
        calibration_images: Number of training images for the calibration of all quantizers.
        data: Fingerprint of the data set.
        failed: A sentence for each quantizer that made no file.
        rows: One for each quantizer that did.
    """

    model: str
    sha256: str
    n: int
    calibration_images: int
    data: str
    failed: tuple[str, ...] = ()
    rows: tuple[QuantizerRow, ...] = ()
