"""The artifacts folder and its manifest: which model files exist and what was measured of them."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fer_zoo.errors import FerZooError
from fer_zoo.expressions import EXPRESSIONS
from fer_zoo.files import write_json
from fer_zoo.zoo.reference import FORMATS, PRECISIONS, Reference

SCHEMA = 1

_PACKAGE = Path(__file__).resolve().parents[1]


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
        output: Name and labels of the one output.
        metrics: By split (`test`, `public_test`, `private_test`): `n`, `accuracy`, `macro_f1`, …
        parity: Against the Keras original; empty for the original itself.
        license: SPDX expression for the weights, and what else binds them.
        source: The command that made it.
        commit: Of the project when it was made.
        oldest_keras: The oldest Keras that loads it, e.g. `3.10`; of `.keras` files.
        shipped: Whether the file comes with the project; a large one is made by `python -m export MODEL`.
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


def artifacts_dir() -> Path:
    """The artifacts folder: `FER_ZOO_ARTIFACTS`, else inside the installed package, else the checkout's."""
    if os.environ.get("FER_ZOO_ARTIFACTS"):
        return Path(os.environ["FER_ZOO_ARTIFACTS"])
    installed = _PACKAGE / "artifacts"
    return installed if installed.is_dir() else _PACKAGE.parent / "artifacts"


def in_package(path: Path) -> bool:
    """Whether `path` is inside the installed package, where nothing may write."""
    return _PACKAGE in path.resolve().parents


def load_manifest(folder: Path | None = None, absent: bool = False) -> list[Artifact]:
    """The artifacts of the manifest in `folder`; those that are neither shipped nor there only where `absent`.

    An empty list where there is no manifest yet.

    Raises:
        FerZooError: The manifest is not readable as schema 1.
    """
    folder = folder or artifacts_dir()
    entries = _entries(folder)
    return [entry for entry in entries if absent or entry.shipped or (folder / entry.path).exists()]


def update_manifest(artifacts: list[Artifact], folder: Path | None = None, removed: Collection[Artifact] = ()) -> None:
    """Add `artifacts` to the manifest, each in place of an older entry with the same path, and take `removed` out."""
    folder = folder or artifacts_dir()
    entries = {artifact.path: artifact for artifact in _entries(folder) if artifact not in removed}
    entries |= {artifact.path: artifact for artifact in artifacts}
    ordered = sorted(entries.values(), key=lambda a: (a.model, FORMATS.index(a.format), PRECISIONS.index(a.precision)))
    write_json(folder / "manifest.json", {"schema": SCHEMA, "artifacts": [asdict(artifact) for artifact in ordered]})


def _entries(folder: Path) -> list[Artifact]:
    path = folder / "manifest.json"
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text())
        if content["schema"] != SCHEMA:
            raise FerZooError(
                f"{path} has schema {content['schema']}, this version of fer_zoo reads {SCHEMA}; update it"
            )
        return [Artifact(**entry) for entry in content["artifacts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FerZooError(f"{path} is not a manifest ({error}); restore it or run `python -m export` again") from error
