"""Reads the `config.json` of a run strictly: a config that is accepted here needs no further checks."""

from __future__ import annotations

import json
from typing import Any

from fer_zoo.zoo.schema import is_plain, labels_problem, prior_problem, quoted, require

# The required type of each known entry. Other entries may have any type; strings may also be null.
_CONFIG: dict[str, type] = {
    "model": str, "backend": str, "command": str, "started_in": str, "splits_sha256": str, "finished": bool,
    "fine_tuned": bool, "training": dict, "data": dict, "members": list, "averaged": list,
}  # fmt: skip
_TRAINING: dict[str, type] = {"model": str, "backend": str, "warm_start": str, "crop": str, "data": str}
_DATA: dict[str, type] = {
    "kind": str, "source": str, "fingerprint": str, "images": int, "splits": dict, "chosen_on": str, "labels": list,
    "class_counts": list,
}  # fmt: skip
_MEMBER: dict[str, type] = {"path": str, "model": str, "sha256": str, "weight": float, "fine_tuned": bool}
_AVERAGED: dict[str, type] = {"path": str, "sha256": str, "command": str, "share": float}


def parse_config(text: str) -> dict[str, Any]:
    """The content of a run's `config.json`.

    Every entry that this project reads has the type that it must have; numbers are finite and strings printable; labels
    are distinct; there is a count of at least 0 for each label; the description of the data is complete.

    Raises:
        ValueError: The text is not such a config; the message is a clause that says where and why.
    """
    try:
        config = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check(config, _CONFIG, "it")
    require(is_plain(config), "it has a number that is too large or text that cannot be printed")
    _check(config.get("training", {}), _TRAINING, "training")
    _check_data(config.get("data", {}))
    for name, types in (("members", _MEMBER), ("averaged", _AVERAGED)):
        for number, entry in enumerate(config.get(name, ()), 1):
            _check(entry, types, f"entry {number} of {name}")
            missing = [key for key in _MEMBER if key not in entry] if name == "members" else []
            require(not missing, f"entry {number} of {name} lacks {', '.join(missing)}")
    if "prior" in config:
        require(not (problem := prior_problem(config["prior"])), str(problem))
    return config


def _check(value: Any, types: dict[str, type], where: str) -> None:
    require(isinstance(value, dict), f"{where} must be an object")
    for name, kind in types.items():
        item = value.get(name)
        if name not in value or (item is None and kind is str):
            continue
        valid = type(item) in (int, float) if kind is float else type(item) is kind
        require(valid, f"{name} of {where} must be of type {kind.__name__}, not {quoted(item)}")


def _check_data(data: Any) -> None:
    _check(data, _DATA, "data")
    counts = data.get("class_counts", [])
    require(all(type(count) is int and count >= 0 for count in counts), "class_counts of data must be counts")
    if "labels" in data:
        problem = labels_problem(data["labels"])
        require(not problem, f"data does not fit: {problem}")
        require(len(counts) in (0, len(data["labels"])), "class_counts of data must be as many as its labels")
    if "kind" in data:
        missing = [name for name in _DATA if data.get(name) is None and name != "class_counts"]
        require(not missing, f"data lacks {', '.join(missing)}")
        require(set(data) <= set(_DATA), f"data must have no entries but {', '.join(_DATA)}")
        splits = data["splits"]
        require(all(type(count) is int and count >= 0 for count in splits.values()), "splits of data must be counts")
        require({"train", data["chosen_on"]} <= set(splits), "splits of data must have train and the one chosen on")
