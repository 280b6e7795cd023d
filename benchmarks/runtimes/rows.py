"""The table of runtimes: each file in each runtime that takes its format."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine
from ..rows import ImageSet, ModelFile

# The goal of the zoo for the agreement in every runtime that loads a file.
LOWEST_AGREEMENT = 0.98

_FORMATS = ("keras", "onnx", "tflite")
_PRECISIONS = ("fp32", "fp16", "dynamic", "int8", "int8-full")


def kind_order(file: ModelFile) -> tuple[int, int]:
    """The place of a file's format and precision in tables and plots."""
    return _FORMATS.index(file.format), _PRECISIONS.index(file.precision)


@dataclass(frozen=True)
class RuntimeResult:
    """One file in one runtime.

    The zoo's own runtime, ONNX Runtime, LiteRT or Keras, is the reference of each file.

    Attributes:
        file: The file.
        runtime: Name of the runtime in the registry.
        status: `right` (at least 98 % agreement, or one image that differs), `wrong` (less), `compiled` (it makes code
            for another device, which is not run here), `refused` (it makes no predictions), or `not installed`.
        error: Why there are no predictions.
        n: Number of images predicted one at a time; fewer than the report says if time was over before.
        agreement: Share of images for which runtime and reference predict the same class, 0..1, one image at a time.
        batch_n: Number of images predicted in batches of eight; `None` if the runtime only takes one image at a time.
        batch_agreement: The agreement in batches of eight.
        batch_accuracy: Accuracy of the runtime in batches of eight.
        batch_error: Why a batch of eight has no predictions.
        max_abs_diff: Largest |Δp| over all images and classes, one image at a time.
        accuracy: Accuracy of the runtime on these images.
        reference_accuracy: Accuracy of the reference on the same images.
        load_ms: Processor time to load the file into a callable model, with conversion and compilation.
        relative_latency: Median time of one image on one core, over that of ONNX Runtime or LiteRT in its process.
        memory_bytes: Growth of the peak memory of the process while it loaded the model and predicted.
        accelerated: Share of operators, 0..1, that run on the NPU or in the runtime's delegate; `None` if the runtime
            does not report it.
        arena_bytes: Working memory on a microcontroller; `None` if the runtime does not report it.
    """

    file: ModelFile
    runtime: str
    status: str
    error: str | None = None
    n: int | None = None
    agreement: float | None = None
    batch_n: int | None = None
    batch_agreement: float | None = None
    batch_accuracy: float | None = None
    batch_error: str | None = None
    max_abs_diff: float | None = None
    accuracy: float | None = None
    reference_accuracy: float | None = None
    load_ms: float | None = None
    relative_latency: float | None = None
    memory_bytes: int | None = None
    accelerated: float | None = None
    arena_bytes: int | None = None

    @property
    def lowest_agreement(self) -> float | None:
        """The lower one of the agreements for single images and for batches."""
        shares = [share for share in (self.agreement, self.batch_agreement) if share is not None]
        return min(shares, default=None)


@dataclass(frozen=True)
class RuntimesReport:
    """One run.

    Attributes:
        when: Date and time in UTC.
        machine: Machine that it ran on.
        data: The test images.
        single_images: Number of images that are predicted one at a time, if time suffices; in batches, all are.
        runtimes: Name and installed packages of each runtime.
        rows: One for each file and runtime that supports its format.
    """

    when: str
    machine: Machine
    data: ImageSet
    single_images: int
    runtimes: dict[str, str]
    rows: tuple[RuntimeResult, ...] = ()
