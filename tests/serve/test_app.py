"""The ASGI app in servers and apps of others, and `fer-zoo serve` with several workers."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from fer_zoo.errors import UsageError
from fer_zoo.inference import isolation
from fer_zoo.serve.app import create_app
from fer_zoo.zoo import artifacts_dir

NANO = "fernet_nano:onnx:int8"


def _call(app: Starlette, path: str, body: bytes | None = None) -> tuple[int, Any]:
    """Status and JSON of a request, without a server and without its lifespan events."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-length", b"%d" % len(body or b""))]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET" if body is None else "POST",
        "path": path.partition("?")[0],
        "query_string": path.partition("?")[2].encode(),
        "root_path": "",
        "headers": headers,
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


def test_the_app_answers_below_a_path_of_another_app(face_file: bytes) -> None:
    app = Starlette(routes=[Mount("/faces", create_app([NANO], jobs=1))])
    status, answer = _call(app, "/faces/v1/predict?cropped=true", face_file)
    assert (status, answer["model"]) == (200, NANO)
    assert _call(app, "/faces/openapi.json")[1]["servers"] == [{"url": "/faces"}]
    assert _call(app, "/faces/models.json")[1]["default"] == NANO
    status, answer = _call(app, "/faces/nothing")
    assert (status, answer) == (404, {"error": "there is nothing at /faces/nothing; /docs lists all operations"})


def test_a_model_of_ones_own_that_dies_fails_one_request(
    face_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes((artifacts_dir() / "fernet_nano" / "model.int8.onnx").read_bytes())
    app = create_app([str(path)], jobs=1)
    with monkeypatch.context() as patch:
        patch.setattr(isolation, "send", lambda connection, *_: connection.shutdown(socket.SHUT_RDWR))
        status, answer = _call(app, "/v1/predict?cropped=true", face_file)
    assert (status, answer) == (500, {"error": "the server failed; its log says why"})
    (record,) = caplog.records
    assert "own.onnx: it ended its process (exit code 0)" in record.getMessage()
    assert record.exc_info is None


def test_the_api_answers_for_another_population(face_file: bytes) -> None:
    probabilities = []
    for prior in (None, {"happy": 0.99}):
        status, answer = _call(create_app([NANO], jobs=1, prior=prior), "/v1/predict?cropped=true", face_file)
        assert status == 200
        probabilities.append(answer["faces"][0]["probabilities"]["happy"])
    assert probabilities[1] > probabilities[0]


def test_a_model_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(UsageError, match="there is no model 'vgg'"):
        create_app(["vgg"])


def test_several_workers_share_port_and_metrics(root: Path) -> None:
    command = [sys.executable, "-m", "fer_zoo.serve", "--port", "0", "--workers", "2", "--model", NANO]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    port = int(line.split("/")[2].rpartition(":")[2])
    try:
        for _ in range(8):
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
                assert json.load(answer)["status"] == "ok"
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            assert b'fer_zoo_requests_total{endpoint="health",status="200"} 8.0' in answer.read()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
