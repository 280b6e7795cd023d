"""What the operator sees: metrics and access log."""

from __future__ import annotations

import json
import re

import pytest
from running import Serving
from test_server import ask, predict

from fer_zoo.serve.access_log import AccessLog
from fer_zoo.serve.request_records import RequestRecord


def _numbers(serving: Serving) -> dict[str, float]:
    status, text, headers = ask(serving, "GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text.decode(), re.MULTILINE)}


def test_requests_latency_and_batches_are_counted(serving: Serving, face_file: bytes) -> None:
    before = _numbers(serving)
    assert predict(serving, face_file, "?cropped=true")[0] == 200
    assert predict(serving, b"x")[0] == 400
    ask(serving, "GET", "/nothing")
    after = _numbers(serving)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown('fer_zoo_requests_total{endpoint="predict",status="200"}') == 1
    assert grown('fer_zoo_requests_total{endpoint="predict",status="400"}') == 1
    assert grown('fer_zoo_requests_total{endpoint="page",status="404"}') == 1
    assert grown('fer_zoo_request_seconds_count{endpoint="predict"}') == 2
    assert grown("fer_zoo_batch_faces_sum") == 1
    assert after["fer_zoo_waiting_requests"] == 0
    assert after["fer_zoo_connections"] >= 1


def test_the_log_has_one_line_for_each_request(capsys: pytest.CaptureFixture[str]) -> None:
    exchange = RequestRecord("127.0.0.1", "GET", "/a%0Ab?c=%22", "page", 404, 12, 0.0123456789)
    AccessLog("json")(exchange)
    AccessLog("text")(exchange)
    first, second = capsys.readouterr().err.splitlines()
    entry = json.loads(first)
    assert (entry["target"], entry["status"], entry["seconds"]) == ("/a%0Ab?c=%22", 404, 0.012346)
    assert second.endswith('127.0.0.1 "GET /a%0Ab?c=%22" 404 12 B 12.3 ms')
    assert second.startswith(entry["time"][:16])
