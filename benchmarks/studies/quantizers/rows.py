"""The table of the quantizers of one model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QuantizerRow:
    """One quantizer's file, compared with the Keras original on PublicTest.

    Attributes:
        name: Of the quantizer.
        format: `onnx` or `tflite`.
        ours: Whether `export` works this way.
        remark: What the quantizer says of its choice; may be empty.
        bytes: File size.
        share: Of the bytes of the float32 file of that format, 0..1.
        accuracy_delta: File minus original, -1..1.
        accuracy_delta_interval: Its 95 % paired interval.
        mcnemar_p: Exact, two-sided.
        agreement: Share of images with the same prediction, 0..1.
        kl: Mean divergence from the original, in nats.
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
        sha256: Of its file.
        n: Images of PublicTest that all files are compared on.
        calibration_images: Training images that all quantizers calibrate on.
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
