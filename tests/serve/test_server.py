"""The HTTP API from outside: answers, refusals, many clients at once, and the limits of time and room."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import socket
import struct
import zlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from running import Serving

from fer_zoo import load_classifier
from fer_zoo.cli.serve import main
from fer_zoo.errors import FerZooError
from fer_zoo.faces import read_photo
from fer_zoo.serve.catalog import served_models
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.server import Server

PNG = {"Content-Type": "image/png"}
Answer = tuple[int, Any, dict[str, str]]


def _ask(serving: Serving, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """Status, JSON (or bytes) and header fields."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        content = response.read()
        fields = {name.lower(): value for name, value in response.getheaders()}
        is_json = content and fields["content-type"] == "application/json"
        return response.status, json.loads(content) if is_json else content, fields
    finally:
        connection.close()


def _predict(serving: Serving, body: bytes, query: str = "", kind: str = "image/png") -> Answer:
    return _ask(serving, "POST", f"/v1/predict{query}", body, Content_Type=kind)


def _raw(port: int, data: bytes) -> bytes:
    """What comes back for these very bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def _hollow_png(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; it would fill the memory if it was decoded."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_faces_of_a_photo_are_those_of_analyze(serving: Serving, shared: Path) -> None:
    photo = (shared / "media" / "obama-480p.jpg").read_bytes()
    status, answer, _ = _predict(serving, photo, kind="image/jpeg")
    assert status == 200
    image = read_photo(photo)
    (expected,) = load_classifier().analyze(image)
    (face,) = answer["faces"]
    assert [answer["height"], answer["width"]] == list(image.shape[:2])
    np.testing.assert_allclose(face["box"], expected.box, atol=0.01)
    np.testing.assert_allclose(face["landmarks"], expected.landmarks, atol=0.01)
    np.testing.assert_allclose(list(face["probabilities"].values()), expected.probabilities, atol=1e-5)
    assert face["label"] == expected.label == "happy"
    form = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.jpg"\r\n\r\n' + photo + b"\r\n--b--\r\n"
    assert _predict(serving, form, kind="multipart/form-data; boundary=b")[1] == answer


def test_a_face_that_is_cut_already(serving: Serving, face_file: bytes) -> None:
    crop = np.asarray(Image.open(io.BytesIO(face_file)))
    for model in ("baseline_cnn:onnx:fp32", "baseline_cnn:onnx:int8"):
        status, answer, _ = _predict(serving, face_file, f"?cropped=true&model={model}")
        assert (status, answer["model"], answer["width"], answer["height"]) == (200, model, 48, 48)
        expected = load_classifier(model).predict_proba(crop)[0]
        (face,) = answer["faces"]
        np.testing.assert_allclose(list(face["probabilities"].values()), expected, atol=1e-5)
        assert set(face) == {"label", "probabilities"}


def test_what_there_is_to_get(serving: Serving) -> None:
    status, health, headers = _ask(serving, "GET", "/healthz")
    assert (status, health["status"], health["waiting"]) == (200, "ok", 0)
    assert "wasm-unsafe-eval" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    models = _ask(serving, "GET", "/v1/models")[1]
    assert {model["name"] for model in models["models"]} == {model.name for model in served_models()}
    assert _ask(serving, "GET", "/models.json")[1] == models
    for model in models["models"]:
        status, content, headers = _ask(serving, "GET", "/" + model["file"])
        assert (status, len(content)) == (200, model["bytes"])
        assert _ask(serving, "GET", "/" + model["file"], If_None_Match=headers["etag"])[0] == 304
    for path, kind in (("/", "text/html"), ("/docs", "text/html"), ("/app.js", "text/javascript")):
        status, content, headers = _ask(serving, "GET", path)
        assert (status, headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        status, nothing, fields = _ask(serving, "HEAD", path)
        assert (status, nothing, fields["content-length"]) == (200, b"", str(len(content)))


def test_the_description_names_what_the_server_answers(serving: Serving, face_file: bytes) -> None:
    document = _ask(serving, "GET", "/openapi.json")[1]
    for path, methods in document["paths"].items():
        assert set(methods) == ({"post"} if path == "/v1/predict" else {"get"})
    schemas = document["components"]["schemas"]
    for path, name in (("/v1/models", "Models"), ("/healthz", "Health")):
        assert set(schemas[name]["properties"]) == set(_ask(serving, "GET", path)[1])
    model = schemas["Models"]["properties"]["models"]["items"]
    assert set(model["required"]) == set(_ask(serving, "GET", "/v1/models")[1]["models"][0])
    answer = _predict(serving, face_file, "?cropped=true")[1]
    assert set(schemas["Prediction"]["properties"]) == set(answer)
    face = schemas["Prediction"]["properties"]["faces"]["items"]
    assert set(face["required"]) == set(answer["faces"][0])
    other = _predict(serving, face_file, "?cropped=true&model=fernet_base_ferplus:onnx:int8")[1]
    eight = other["faces"][0]["probabilities"]
    assert set(eight) == {*answer["faces"][0]["probabilities"], "contempt"}
    assert set(face["properties"]["probabilities"]["properties"]) == set(eight)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "words"),
    [
        ("POST", "/v1/predict", b"", PNG, 400, "empty"),
        ("POST", "/v1/predict", b"no picture", PNG, 400, "not an image"),
        ("POST", "/v1/predict", _hollow_png(20, 20)[:60], PNG, 400, "cannot be read"),
        ("POST", "/v1/predict", _hollow_png(10_000, 10_000), PNG, 413, "too many pixels"),
        ("POST", "/v1/predict", _hollow_png(60_000, 60_000), PNG, 413, "too many pixels"),
        ("POST", "/v1/predict", b"{}", {"Content-Type": "application/json"}, 415, "application/json is no picture"),
        ("POST", "/v1/predict", b"x", PNG | {"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
        ("POST", "/v1/predict?model=vgg", b"x", PNG, 400, "there is no model 'vgg'; `fer-zoo models` lists all"),
        ("POST", "/v1/predict?crop=true", b"x", PNG, 400, "no parameter 'crop'"),
        ("POST", "/v1/predict?cropped=maybe", b"x", PNG, 400, "true or false"),
        ("POST", "/healthz", b"x", {}, 405, "takes GET"),
        ("GET", "/v1/predict", None, {}, 405, "takes POST"),
        ("GET", "/../pyproject.toml", None, {}, 404, "nothing at"),
        ("GET", "/%2e%2e/%2e%2e/pyproject.toml", None, {}, 404, "nothing at"),
        ("GET", "/service.py", None, {}, 404, "nothing at"),
    ],
)
def test_refusals_have_a_status_and_a_sentence(
    serving: Serving, method: str, path: str, body: bytes | None, headers: dict[str, str], status: int, words: str
) -> None:
    found, answer, fields = _ask(serving, method, path, body, **headers)
    assert (found, list(answer)) == (status, ["error"])
    assert words in answer["error"]
    assert (status == 405) == ("allow" in fields)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"POST /v1/predict HTTP/1.1\r\nHost: a\r\n\r\n", 411),
        (b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
    ],
)
def test_what_is_no_proper_request(serving: Serving, data: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_one_connection_carries_many_requests(serving: Serving, face_file: bytes) -> None:
    head = b"POST /v1/predict?cropped=true HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(face_file)
    asks = head + b"Expect: 100-continue\r\n\r\n" + face_file
    last = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = _raw(serving.port, asks + asks + last)
    assert answer.count(b"HTTP/1.1 100 Continue") == 2
    assert answer.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_fifty_clients_at_once_lose_nothing_and_leave_no_memory(serving: Serving, face_file: bytes) -> None:
    """Good, broken and huge pictures, some with a body beyond the limit that is sent in full all the same."""
    noise = np.random.default_rng(7).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    photo = io.BytesIO()
    Image.fromarray(noise).resize((1600, 1200)).save(photo, "JPEG", quality=80)
    kinds = [
        (face_file, "?cropped=true", 200),
        (photo.getvalue(), "", 200),
        (photo.getvalue()[: len(photo.getvalue()) // 2], "", 400),
        (b"", "", 400),
        (os.urandom(200_000), "", 400),
        (_hollow_png(12_000, 12_000), "", 413),
        (bytes(20_000_000), "", 413),
        (face_file, "?cropped=true&model=baseline_cnn:onnx:int8", 200),
    ]

    def client(number: int) -> list[tuple[int, int]]:
        body, query, expected = kinds[number % len(kinds)]
        return [(expected, _predict(serving, body, query)[0])]

    def rounds(count: int) -> None:
        with ThreadPoolExecutor(50) as clients:
            for results in clients.map(client, range(50 * count)):
                assert all(expected == found for expected, found in results), results

    rounds(1)
    before = serving.resident()
    rounds(2)
    # The two rounds brought 260 MB of bodies and 25 pictures of 6 MB each when decoded.
    assert serving.resident() - before < 40
    assert _ask(serving, "GET", "/healthz")[1]["waiting"] == 0


class _SlowService:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.models = served_models()
        self.default = self.models[0]
        self.free = asyncio.Event()

    async def predict(self, content: bytes, reference: str | None, cropped: bool) -> dict[str, Any]:
        await self.free.wait()
        return {"faces": []}

    def close(self) -> None:
        pass


def _in_process(limits: Limits, test: Callable[[Server, Any, _SlowService, int], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        service = _SlowService()
        server = Server(service, limits)  # type: ignore[arg-type]
        listening, port = await server.start("127.0.0.1", 0)
        await asyncio.wait_for(test(server, listening, service, port), 30)
        await server.stop(listening)

    asyncio.run(run())


ASK = b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"


async def _open(port: int, data: bytes) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    reader.keep_alive = writer  # type: ignore[attr-defined]
    return reader


def test_slow_clients_and_slow_answers_end_in_time() -> None:
    async def test(server: Server, listening: Any, service: _SlowService, port: int) -> None:
        late = await asyncio.gather(*(_open(port, data) for data in (ASK[:30], ASK + b"ab", ASK + b"abcd")))
        answers = await asyncio.gather(*(reader.read() for reader in late))
        assert [int(answer.split()[1]) for answer in answers] == [408, 408, 503]
        assert b"2 bytes are missing" in answers[1]
        assert b"Retry-After: 1" in answers[2]
        silent = await _open(port, b"")
        assert await silent.read() == b""

    _in_process(replace(Limits(), timeout=0.2, idle=0.2, linger=0.1), test)


def test_a_full_queue_says_when_to_come_back() -> None:
    async def test(server: Server, listening: Any, service: _SlowService, port: int) -> None:
        waiting = [await _open(port, ASK + b"abcd") for _ in range(3)]
        while json.loads((await _healthz(port)).partition(b"\r\n\r\n")[2])["waiting"] < 3:
            await asyncio.sleep(0.01)
        refused = await (await _open(port, ASK + b"abcd")).read()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in refused
        service.free.set()
        for reader in waiting:
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")

    _in_process(replace(Limits(), waiting=3, linger=0.1), test)


async def _healthz(port: int) -> bytes:
    return await (await _open(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).read()


def test_bodies_that_would_fill_the_memory_wait_outside() -> None:
    async def test(server: Server, listening: Any, service: _SlowService, port: int) -> None:
        running = await _open(port, ASK + b"abcd")
        while json.loads((await _healthz(port)).partition(b"\r\n\r\n")[2])["waiting"] < 1:
            await asyncio.sleep(0.01)
        assert (await (await _open(port, ASK + b"abcd")).read()).startswith(b"HTTP/1.1 503 ")
        service.free.set()
        assert (await running.read()).startswith(b"HTTP/1.1 200 ")

    _in_process(replace(Limits(), waiting_bytes=7, linger=0.1), test)


def test_connections_beyond_the_limit_are_told_so() -> None:
    async def test(server: Server, listening: Any, service: _SlowService, port: int) -> None:
        idle = [await _open(port, b"") for _ in range(9)]
        while len(server._connections) < len(idle):
            await asyncio.sleep(0.01)
        assert b"too many connections" in await (await _open(port, b"")).read()

    _in_process(replace(Limits(), connections=9), test)


def test_stopping_answers_what_runs_and_closes_what_is_idle() -> None:
    async def test(server: Server, listening: Any, service: _SlowService, port: int) -> None:
        running = await _open(port, ASK.replace(b"Connection: close\r\n", b"") + b"abcd")
        idle = await _open(port, b"")
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(server.stop(listening))
        assert await idle.read() == b""
        with pytest.raises(OSError, match=r"refused|failed"):
            await _open(port, b"")
        service.free.set()
        answer = await running.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" in answer
        await stopping

    _in_process(Limits(), test)


def test_a_port_that_is_taken(serving: Serving) -> None:
    with pytest.raises(FerZooError, match=f"cannot listen on 127.0.0.1, port {serving.port}"):
        main(["--port", str(serving.port)])
