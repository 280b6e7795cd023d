"""A journal of the finished parts of a run, one line of JSON each, so that an interrupted run can be continued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fer_zoo.files import write_text


class Journal:
    """An append-only file whose first line identifies the run; if it belongs to another run, it is started anew.

    Args:
        path: Path of the file, which exists only while a run is unfinished.
        identity: Everything that must be equal for old parts to belong to this run.
        fresh: Drop old parts in any case.
    """

    def __init__(self, path: Path, identity: dict[str, Any], fresh: bool = False) -> None:
        self._path = path
        first = json.dumps(identity)
        lines = path.read_text("utf-8").splitlines() if path.exists() and not fresh else []
        same = lines[:1] == [first]
        # A line is complete JSON, unless the machine went down while it was written.
        self._parts = [part for line in lines[1:] if (part := _parsed(line))] if same else []
        write_text(path, "".join(f"{line}\n" for line in (first, *map(json.dumps, self._parts))))

    def parts(self, kind: str) -> list[Any]:
        """The values added as `kind`, oldest first."""
        return [part[kind] for part in self._parts if kind in part]

    def add(self, kind: str, value: Any) -> None:
        self._parts.append({kind: value})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self._parts[-1]) + "\n")

    def finish(self) -> None:
        self._path.unlink()


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None
