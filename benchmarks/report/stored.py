"""Reading the JSON that a run leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fer_zoo.errors import FerZooError

SCHEMA = 1


def read_report(path: Path) -> dict[str, Any] | None:
    """The content of `parity.json` or `latency.json`, `None` where there is none.

    Raises:
        FerZooError: It is something else, or of another schema.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text())
        schema = content["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise FerZooError(f"{path} is not a benchmark report ({error}); delete it and measure again") from error
    if schema != SCHEMA:
        raise FerZooError(f"{path} has schema {schema}, this version reads {SCHEMA}; delete it and measure again")
    return content


def identity_of(machine: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for an interrupted run to go on: processor and versions."""
    return {name: machine[name] for name in ("cpu", "cores", "os", "python", "packages")}
