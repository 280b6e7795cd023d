"""Reads a manifest strictly: a manifest that is accepted here needs no further checks."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields, replace
from pathlib import PurePosixPath
from typing import Any

from fer_zoo.zoo.artifact import Artifact, task_of
from fer_zoo.zoo.reference import FORMATS, PRECISIONS

SCHEMA = 1

_TYPES = {"str": str, "int": int, "bool": bool, "dict": dict}
# The type of each attribute by its name. Annotations are strings; those of dictionaries begin with `dict[`.
_FIELDS = {field.name: _TYPES[str(field.type).partition("[")[0]] for field in fields(Artifact)}
_REQUIRED = [field.name for field in fields(Artifact) if field.default is field.default_factory is MISSING]
_LARGEST = 2**63 - 1
_LONGEST_PATH = 255


def parse_manifest(text: str) -> list[Artifact]:
    """The entries of a manifest.

    Every entry has the required attributes of `Artifact` and no unknown ones, each of the right type, a known format
    and precision, counts of at least 0, finite numbers, printable strings, distinct labels, an accuracy in 0..1 for
    each split, and a path below the artifacts folder that no other entry has.

    Raises:
        ValueError: The text is not such a manifest; the message is a clause that says where and why.
    """
    try:
        content = json.loads(text)
        require(isinstance(content, dict), "it must be an object")
        require(content.keys() == {"schema", "artifacts"}, "it must have the keys schema and artifacts, and no other")
        schema, entries = content["schema"], content["artifacts"]
        require(type(schema) is int and schema == SCHEMA, f"its schema must be {SCHEMA}, not {quoted(schema)}")
        require(isinstance(entries, list), "artifacts must be a list")
        artifacts = [_artifact(entry, f"entry {number}") for number, entry in enumerate(entries, 1)]
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    paths: set[str] = set()
    for artifact in artifacts:
        require(artifact.path not in paths, f"it lists {artifact.path} twice")
        paths.add(artifact.path)
    return artifacts


def labels_problem(labels: Any) -> str | None:
    """Why `labels` cannot be the labels of a model's outputs; `None` for a list of distinct, non-empty strings."""
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        return "the labels must be a list of non-empty strings"
    if not all(map(str.isprintable, labels)):
        return "the labels must be printable"
    if len(set(labels)) < len(labels):
        return "two labels are the same"
    return None


def prior_problem(prior: Any) -> str | None:
    """Why `prior` cannot be the frequencies of classes; `None` for a list of numbers above 0."""
    if not isinstance(prior, list) or not prior:
        return "the prior must be a list of numbers"
    if not all(type(value) in (int, float) and 0 < value <= _LARGEST for value in prior):
        return "the numbers of the prior must be above 0"
    return None


def _artifact(entry: Any, where: str) -> Artifact:
    require(isinstance(entry, dict), f"{where} must be an object")
    missing = [name for name in _REQUIRED if name not in entry]
    require(not missing, f"{where} lacks {', '.join(missing)}")
    for name, value in entry.items():
        if name not in _FIELDS:
            raise ValueError(f"{where} has an unknown key {quoted(name)}")
        if type(value) is not _FIELDS[name]:
            raise ValueError(f"{name} of {where} must be of type {_FIELDS[name].__name__}, not {quoted(value)}")
        if not is_plain(value):
            raise ValueError(f"{name} of {where} has a number that is too large or text that cannot be printed")
    artifact = Artifact(**entry)
    for name, known in (("format", FORMATS), ("precision", PRECISIONS)):
        require(getattr(artifact, name) in known, f"{name} of {where} must be one of {', '.join(known)}")
    for name in ("bytes", "params", "macs"):
        require(getattr(artifact, name) >= 0, f"{name} of {where} must be at least 0")
    require(re.fullmatch(r"[^:/\\]+", artifact.model), f"model of {where} is not a name")
    require(re.fullmatch("[0-9a-f]{64}", artifact.sha256), f"sha256 of {where} must be 64 hexadecimal digits")
    require(_stays_below(artifact.path), f"path of {where} must be below the artifacts folder")
    require(artifact.path.endswith(f".{artifact.format}"), f"path of {where} must end in .{artifact.format}")
    problem = labels_problem(artifact.output.get("labels"))
    require(not problem, f"output of {where} does not fit: {problem}")
    if "prior" in artifact.output:
        prior = artifact.output["prior"]
        problem = prior_problem(prior)
        require(not problem, f"output of {where} does not fit: {problem}")
        require(len(prior) == len(artifact.output["labels"]), f"output of {where} must have a prior for each label")
    for measures in artifact.metrics.values():
        accuracy = measures.get("accuracy") if isinstance(measures, dict) else None
        valid = isinstance(accuracy, int | float) and 0 <= accuracy <= 1
        require(valid, f"metrics of {where} must have an accuracy in 0..1 for each split")
    # Manifests of earlier versions have no task.
    return artifact if artifact.task else replace(artifact, task=task_of(artifact.output["labels"]))


def is_plain(value: Any) -> bool:
    """Whether every number is finite and within 64 bits, and every string printable, in lists and objects too."""
    if isinstance(value, str):
        return value.isprintable()
    if isinstance(value, int | float):
        return abs(value) <= _LARGEST  # Also false for NaN.
    if isinstance(value, dict):
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return value is None or all(map(is_plain, value))


def _stays_below(path: str) -> bool:
    """Whether a path is relative, in its shortest form, and has no `..`; symbolic links are not followed here."""
    pure = PurePosixPath(path)
    return (
        not pure.is_absolute()
        and ".." not in pure.parts
        and str(pure) == path
        and not re.search(r"[:\\]", path)
        and len(path.encode()) <= _LONGEST_PATH
    )


def require(condition: object, message: str) -> None:
    """Raise `ValueError` with a message if a condition does not hold."""
    if not condition:
        raise ValueError(message)


def quoted(value: Any) -> str:
    """A value as text for a message, shortened to 60 characters."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
