"""Where a model's weights come from, according to the `config.json` beside it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from fer_zoo.errors import FerZooError
from fer_zoo.files import sha256
from fer_zoo.zoo.find import find_entry, member_path, original_path
from fer_zoo.zoo.manifest import artifacts_dir
from fer_zoo.zoo.run_schema import parse_config

# A path that leads out of the checkout, such as ../data/fer2013.zip, ~/fer2013.zip or /data/fer2013.zip. All runs call
# their model alike: it keeps its folder.
_OUTSIDE = re.compile(
    r"(?<![^\s'\"])(?:\.\.|~[^\s/]*)?/[^\s'\",]*?((?:[^\s/'\",]+/(?=model\.keras))?[^\s/'\",]+)(?=[\s'\",]|$)"
)


def run_config(folder: Path) -> dict[str, Any]:
    """The content of `config.json` in the folder of a run or a published model; an empty dict if there is no such file.

    Raises:
        FerZooError: The file cannot be read, or is not valid as `fer_zoo.zoo.run_schema` describes it.
    """
    path = folder / "config.json"
    try:
        return parse_config(path.read_text("utf-8")) if path.exists() else {}
    except ValueError as error:
        raise FerZooError(f"{path} is not the config of a training run ({error}); mend or remove it") from error


def training_prior(path: Path) -> tuple[float, ...] | None:
    """How often each class occurs in the population that a model file's probabilities are for.

    Read from the zoo's manifest, else from the manifest of the export or of another zoo that the file is in, else from
    the config of its run.

    Returns:
        Relative frequencies or counts, one for each class; `None` if no file has them.

    Raises:
        FerZooError: The zoo's manifest or the config cannot be read.
    """
    entry = find_entry(path, artifacts_dir())
    for folder in (path.parent, path.parent.parent):  # The folder of an export, and that of another zoo.
        if entry is None:
            with suppress(FerZooError):  # Another program's manifest.json may lie there.
                entry = find_entry(path, folder)
    if entry is not None and "prior" in entry.output:
        return tuple(entry.output["prior"])
    config = run_config(path.parent)
    counts = config.get("prior") or config.get("data", {}).get("class_counts", ())
    return tuple(counts) if counts and min(counts) > 0 else None


def with_portable_paths(value: Any) -> Any:
    """A copy of a config in which paths that lead out of the checkout are shortened to the file name.

    A run's `model.keras` keeps the name of its folder, too.
    """
    if isinstance(value, dict):
        return {key: with_portable_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_portable_paths(item) for item in value]
    return _OUTSIDE.sub(r"\1", value) if isinstance(value, str) else value


def is_fine_tuned(config: dict[str, Any]) -> bool:
    """Whether a run started from published pretrained weights, directly or through the run that it continued.

    Args:
        config: Config of the run, as `run_config` returns it. If it has no `fine_tuned`, the config of the run that it
            started from decides, if that exists.
    """
    training = config.get("training") or {}
    if config.get("fine_tuned") or training.get("transfer"):
        return True
    source = training.get("warm_start")
    if not source or source == config.get("model"):
        return False
    return is_fine_tuned_file(original_path(source, absent=True) or member_path(Path(source)))


def is_fine_tuned_file(path: Path) -> bool:
    """Whether a model file was trained from published pretrained weights.

    Args:
        path: The model file. The `config.json` beside it decides; for a file in an ensemble's `members` folder, the
            ensemble's config.
    """
    if path.parent.name == "members":
        members = run_config(path.parent.parent).get("members", [])
        if path.is_file():
            return any(member["fine_tuned"] for member in members if member["sha256"] == sha256(path))
        return any(member["fine_tuned"] for member in members if member["model"] == path.stem)
    return is_fine_tuned(run_config(path.parent))
