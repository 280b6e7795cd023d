"""One entry of the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.zoo.reference import Reference

# The task of models that learned neither FER2013's labels nor FER+'s.
OWN_IMAGES = "own images"


def task_of(labels: Sequence[str]) -> str:
    """Whose labels these are, for models that do not tell their task: `FER2013`, `FER+` or `own images`."""
    return {EXPRESSIONS: "FER2013", FERPLUS_EXPRESSIONS: "FER+"}.get(tuple(labels), OWN_IMAGES)


@dataclass(frozen=True)
class Artifact:
    """One model file and the facts about it; every number is written by the program that measured it.

    Attributes:
        model: Registry name, e.g. `baseline_cnn`.
        format: `keras`, `onnx` or `tflite`.
        precision: `fp32`, `fp16`, `int8` (static, per-channel, calibrated) or `dynamic`.
        path: Relative to the artifacts folder.
        sha256: Of the file.
        bytes: File size.
        params: Weights of the Keras original, trainable or not.
        macs: Multiply-accumulates of one image.
        trained_on: Keras backend that trained it.
        input: Name, shape (`None` for the batch), dtype, range and layout of the one input.
        output: Name and labels of the one output, and as `prior` how often each class occurs in the population that
            the answers are for.
        metrics: By split (`test`, `public_test`, `private_test`): `n`, `accuracy`, `macro_f1`, …
        parity: Against the Keras original; empty for the original itself.
        license: SPDX expression for the weights, and what else binds them.
        source: The command that made it.
        commit: Of the project when it was made.
        task: Whose labels it learned: `FER2013`, `FER+` or `own images`. Accuracies of two tasks do not compare.
        oldest_keras: The oldest Keras that loads it, e.g. `3.10`; of `.keras` files.
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
