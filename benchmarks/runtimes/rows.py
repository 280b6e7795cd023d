"""The table of runtimes: each file in each runtime that takes its format."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine
from ..rows import ImageSet, ModelFile


@dataclass(frozen=True)
class RuntimeResult:
    """One file in one runtime.

    The zoo's own runtime, ONNX Runtime, LiteRT or Keras, is the reference of each file.

    Attributes:
        file: Which.
        runtime: Its name in the registry.
        status: `right` (at least 98 % agreement), `wrong` (less), `compiled` (it makes code for another device, which
            is not run here), `refused` (it has no answers), or `not installed`.
        error: Why there are no answers.
        n: Images answered.
        agreement: Share of images of which runtime and reference predict the same class, 0..1, one image at a time.
        batch_agreement: The same of batches of eight; `None` where the runtime takes one image at a time only.
        batch_error: Why a batch of eight has no answers.
        max_abs_diff: Largest |Δp| over all images and classes, one image at a time.
        accuracy: On these images.
        reference_accuracy: Of the reference, on the same images.
        load_ms: From the file to a model that can be called, conversion and compilation included.
        relative_latency: Median time of one image on one thread, over that of ONNX Runtime or LiteRT in its process.
        memory_bytes: By which the peak memory of the process grew while it loaded and answered.
        accelerated: Share of operators, 0..1, that run on the NPU, where the runtime says so.
        arena_bytes: Of the working memory on a microcontroller, where the runtime says so.
    """

    file: ModelFile
    runtime: str
    status: str
    error: str | None = None
    n: int | None = None
    agreement: float | None = None
    batch_agreement: float | None = None
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
        """Of single images and of batches."""
        found = [share for share in (self.agreement, self.batch_agreement) if share is not None]
        return min(found, default=None)


@dataclass(frozen=True)
class RuntimesReport:
    """One run.

    Attributes:
        when: Date and time in UTC.
        machine: Where.
        data: The test images.
        runtimes: Name and installed packages of each runtime that was asked for.
        rows: One for each file and runtime that takes its format.
    """

    when: str
    machine: Machine
    data: ImageSet
    runtimes: dict[str, str]
    rows: tuple[RuntimeResult, ...] = ()
