"""One entry of the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.zoo.reference import Reference

# The task of models trained on labels that are neither FER2013's nor FER+'s.
OWN_IMAGES = "own images"


def task_of(labels: Sequence[str]) -> str:
    """The data set whose labels these are: `FER2013`, `FER+` or `own images`; for entries without a `task`."""
    return {EXPRESSIONS: "FER2013", FERPLUS_EXPRESSIONS: "FER+"}.get(tuple(labels), OWN_IMAGES)


@dataclass(frozen=True)
class Artifact:
    """One model file and the facts about it; every number is written by the program that measured it.

    Attributes:
        model: Registry name, e.g. `baseline_cnn`.
        format: `keras`, `onnx` or `tflite`.
        precision: `fp32`, `fp16`, `int8` (static, per-channel, calibrated), `dynamic`, or `int8-full`, whose input and
            output are int8 too.
        path: Path of the file, relative to the artifacts folder.
        sha256: SHA-256 of the file, in hexadecimal.
        bytes: File size.
        params: Number of weights of the Keras original, trainable or not.
        macs: Multiply-accumulate operations for one image.
        trained_on: Keras backend that trained it.
        input: Name, shape (`None` for the batch), dtype, range and layout of the one input.
        output: Name and labels of the one output, and as `prior` how often each class occurs in the population that
            the probabilities are for.
        metrics: By split (`test`, `public_test`, `private_test`): `n`, `accuracy`, `macro_f1`, …
        parity: Differences from the Keras original; empty for the original itself.
        license: SPDX expression for the weights, and other terms that apply to them.
        source: The command that made it.
        commit: The project's Git commit when it was made.
        task: The labels it was trained on: `FER2013`, `FER+` or `own images`. Accuracies of two tasks cannot be
            compared.
        oldest_keras: The oldest Keras version that loads it, e.g. `3.10`; only for `.keras` files.
        shipped: Whether a clone of the project has it; other files are downloaded, or made by `python -m export`.
    """

    model: str
    format: str
    precision: str
    path: str
    sha256: str
    bytes: int
    params: int
    macs: int
    trained_on: str
    input: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "image",
            "shape": [None, 48, 48, 1],
            "dtype": "float32",
            "range": [0, 255],
            "layout": "NHWC",
        }
    )
    output: dict[str, Any] = field(default_factory=lambda: {"name": "probabilities", "labels": list(EXPRESSIONS)})
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    parity: dict[str, Any] = field(default_factory=dict)
    license: str = "MIT"
    source: str = ""
    commit: str = ""
    task: str = ""
    oldest_keras: str = ""
    shipped: bool = True

    @property
    def name(self) -> str:
        """Short name for tables, e.g. `baseline_cnn onnx int8`."""
        return f"{self.model} {self.format} {self.precision}"

    @property
    def reference(self) -> Reference:
        """What `load_classifier` takes for this file, e.g. `baseline_cnn:onnx:int8`."""
        return Reference(self.model, self.format, self.precision)
