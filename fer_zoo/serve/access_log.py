"""The access log: one line for each request, on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import UTC, datetime
from typing import Literal

from fer_zoo.serve.request_records import RequestRecord

LogFormat = Literal["text", "json"]


class AccessLog:
    """Writes request records, which contain neither pictures nor predictions."""

    def __init__(self, form: LogFormat) -> None:
        self._line = _json if form == "json" else _text

    def __call__(self, record: RequestRecord) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        print(self._line(now, record), file=sys.stderr, flush=True)


def _json(now: str, record: RequestRecord) -> str:
    return json.dumps({"time": now} | dataclasses.asdict(record) | {"seconds": round(record.seconds, 6)})


def _text(now: str, record: RequestRecord) -> str:
    return (
        f'{now} {record.client} "{record.method} {record.target}" {record.status} {record.bytes} B '
        f"{1000 * record.seconds:.1f} ms"
    )
