"""The artifacts folder and its manifest: which model files exist and what was measured of them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fer_zoo.errors import FerZooError
from fer_zoo.expressions import EXPRESSIONS
from fer_zoo.files import sha256, write_json

SCHEMA = 1
FORMATS = ("keras", "onnx", "tflite")
PRECISIONS = ("fp32", "fp16", "int8", "dynamic")


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
    shipped: bool = True

    @property
    def name(self) -> str:
        """Short name for tables, e.g. `baseline_cnn onnx int8`."""
        return f"{self.model} {self.format} {self.precision}"


def artifacts_dir() -> Path:
    """The artifacts folder: `FER_ZOO_ARTIFACTS`, else inside the installed package, else the checkout's."""
    if os.environ.get("FER_ZOO_ARTIFACTS"):
        return Path(os.environ["FER_ZOO_ARTIFACTS"])
    package = Path(__file__).parent
    installed = package / "artifacts"
    return installed if installed.is_dir() else package.parent / "artifacts"


def load_manifest(folder: Path | None = None, absent: bool = False) -> list[Artifact]:
    """The artifacts of the manifest in `folder`; those that are neither shipped nor there only where `absent`.

    An empty list where there is no manifest yet.

    Raises:
        FerZooError: The manifest is not readable as schema 1.
    """
    folder = folder or artifacts_dir()
    entries = _entries(folder)
    return [entry for entry in entries if absent or entry.shipped or (folder / entry.path).exists()]


def original_path(model: str, absent: bool = False) -> Path | None:
    """The Keras original of a published model, by its name; one that is neither shipped nor there only where `absent`.

    `None` where there is no such model.
    """
    originals = (a for a in load_manifest(absent=absent) if a.format == "keras" and a.model == model)
    return next((artifacts_dir() / original.path for original in originals), None)


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


def run_config(folder: Path) -> dict[str, Any]:
    """What `config.json` tells of the run or the published model in `folder`; an empty dict where there is none.

    Raises:
        FerZooError: It is no JSON.
    """
    path = folder / "config.json"
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise FerZooError(f"{path} is not readable JSON ({error}); mend or remove it") from error


def update_manifest(artifacts: list[Artifact], folder: Path | None = None) -> None:
    """Add `artifacts` to the manifest, each in place of an older entry with the same path."""
    folder = folder or artifacts_dir()
    entries = {artifact.path: artifact for artifact in _entries(folder)}
    entries |= {artifact.path: artifact for artifact in artifacts}
    ordered = sorted(entries.values(), key=lambda a: (a.model, FORMATS.index(a.format), PRECISIONS.index(a.precision)))
    write_json(folder / "manifest.json", {"schema": SCHEMA, "artifacts": [asdict(artifact) for artifact in ordered]})


def fine_tuned(config: dict[str, Any]) -> bool:
    """Whether a run's weights come from published ones, its own start or that of the run that it began with.

    Args:
        config: As `run_config` returns it. Runs say it of themselves; for others the run they began with is asked, if
            it is there.
    """
    training = config.get("training") or {}
    if config.get("fine_tuned") or training.get("transfer"):
        return True
    source = training.get("warm_start")
    if not source or source == config.get("model"):
        return False
    return fine_tuned_file(original_path(source, absent=True) or Path(source))


def fine_tuned_file(path: Path) -> bool:
    """The same of a model file, by the config beside it, or that of the ensemble whose `members` it is among."""
    if path.parent.name == "members" and path.is_file():
        members = run_config(path.parent.parent).get("members", [])
        return any(member["fine_tuned"] for member in members if member["sha256"] == sha256(path))
    return fine_tuned(run_config(path.parent))
