"""One line for each request, on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import UTC, datetime
from typing import Literal, get_args

from fer_zoo.serve.observer import Exchange

LogFormat = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)


class AccessLog:
    """Writes exchanges; pictures and answers are in none of them."""

    def __init__(self, form: LogFormat) -> None:
        self._line = _json if form == "json" else _text

    def __call__(self, exchange: Exchange) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        print(self._line(now, exchange), file=sys.stderr, flush=True)


def _json(now: str, exchange: Exchange) -> str:
    return json.dumps({"time": now} | dataclasses.asdict(exchange) | {"seconds": round(exchange.seconds, 6)})


def _text(now: str, exchange: Exchange) -> str:
    return (
        f'{now} {exchange.client} "{exchange.method} {exchange.target}" {exchange.status} {exchange.bytes} B '
        f"{1000 * exchange.seconds:.1f} ms"
    )
