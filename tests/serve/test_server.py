"""The HTTP API from outside: answers, refusals, many clients at once."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import os
import socket
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
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

PNG = {"Content-Type": "image/png"}
Answer = tuple[int, Any, dict[str, str]]


def ask(serving: Serving, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
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


def predict(serving: Serving, body: bytes, query: str = "", kind: str = "image/png") -> Answer:
    return ask(serving, "POST", f"/v1/predict{query}", body, Content_Type=kind)


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
    status, answer, _ = predict(serving, photo, kind="image/jpeg")
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
    assert predict(serving, form, kind="multipart/form-data; boundary=b")[1] == answer


def test_a_face_that_is_cut_already(serving: Serving, face_file: bytes) -> None:
    crop = np.asarray(Image.open(io.BytesIO(face_file)))
    for model in ("baseline_cnn:onnx:fp32", "baseline_cnn:onnx:int8"):
        status, answer, _ = predict(serving, face_file, f"?cropped=true&model={model}")
        assert (status, answer["model"], answer["width"], answer["height"]) == (200, model, 48, 48)
        expected = load_classifier(model).predict_proba(crop)[0]
        (face,) = answer["faces"]
        np.testing.assert_allclose(list(face["probabilities"].values()), expected, atol=1e-5)
        assert set(face) == {"label", "probabilities"}


def test_what_there_is_to_get(serving: Serving) -> None:
    status, health, headers = ask(serving, "GET", "/healthz")
    assert (status, health["status"], health["waiting"]) == (200, "ok", 0)
    assert "wasm-unsafe-eval" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    models = ask(serving, "GET", "/v1/models")[1]
    assert {model["name"] for model in models["models"]} == {model.name for model in served_models()}
    assert ask(serving, "GET", "/models.json")[1] == models
    for model in models["models"]:
        status, content, headers = ask(serving, "GET", "/" + model["file"])
        assert (status, len(content)) == (200, model["bytes"])
        assert ask(serving, "GET", "/" + model["file"], If_None_Match=headers["etag"])[0] == 304
    for path, kind in (("/", "text/html"), ("/docs", "text/html"), ("/app.js", "text/javascript")):
        status, content, headers = ask(serving, "GET", path)
        assert (status, headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        status, nothing, fields = ask(serving, "HEAD", path)
        assert (status, nothing, fields["content-length"]) == (200, b"", str(len(content)))


def test_the_runtime_of_the_page_is_compressed_for_those_who_take_it(serving: Serving) -> None:
    address = "/vendor/onnxruntime/ort-wasm-simd.wasm"
    status, packed, headers = ask(serving, "GET", address, Accept_Encoding="br, gzip")
    assert (status, headers["content-encoding"], headers["content-type"]) == (200, "gzip", "application/wasm")
    status, content, plain = ask(serving, "GET", address)
    assert "content-encoding" not in plain
    assert (status, plain["content-type"], plain["content-length"]) == (200, "application/wasm", str(len(content)))
    assert content.startswith(b"\0asm")
    assert gzip.decompress(packed) == content
    assert len(packed) < len(content) / 3


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
    found, answer, fields = ask(serving, method, path, body, **headers)
    assert (found, list(answer)) == (status, ["error"])
    assert words in answer["error"]
    assert (status == 405) == ("allow" in fields)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Header: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n\r\n", 411),
        (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", 413),
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
    head = b"POST /v1/predict?cropped=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(face_file)
    asks = head + b"Expect: 100-continue\r\n\r\n" + face_file
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
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
        return [(expected, predict(serving, body, query)[0])]

    def rounds(count: int) -> None:
        with ThreadPoolExecutor(50) as clients:
            for results in clients.map(client, range(50 * count)):
                assert all(expected == found for expected, found in results), results

    rounds(1)
    before = serving.resident()
    rounds(2)
    # The two rounds brought 260 MB of bodies and 25 pictures of 6 MB each when decoded.
    assert serving.resident() - before < 40
    assert ask(serving, "GET", "/healthz")[1]["waiting"] == 0


def test_a_port_that_is_taken(serving: Serving) -> None:
    with pytest.raises(FerZooError, match=f"cannot listen on 127.0.0.1, port {serving.port}"):
        main(["--port", str(serving.port)])
