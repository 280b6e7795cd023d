"""Requests good and bad, damaged, cut anywhere, left at any time: nothing hangs, nothing is left or logged."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from running import InProcess, in_process

from fer_zoo.serve.limits import Limits

HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
PREDICT = b"POST /v1/predict" + HOST
PIECES = (
    b"GET /healthz" + HOST + b"\r\n",
    b"HEAD /" + HOST + b"Connection: close\r\n\r\n",
    b"GET /vendor/onnxruntime/ort-wasm-simd.wasm" + HOST + b"\r\n",
    PREDICT + b"Content-Length: 4\r\n\r\nabcd",
    PREDICT + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    PREDICT + b"Content-Length: 99999\r\n\r\n" + bytes(5000),
    PREDICT + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    b"POST /healthz" + HOST + b"Content-Length: 10\r\n\r\n12345",
    b"POST /v2/models/x/infer" + HOST + b"Content-Length: 2\r\n\r\n{}",
    b"GET /" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET http://localhost/%ff%00?a=%zz&\xff" + HOST + b"\r\n",
    b"OPTIONS *" + HOST + b"\r\n",
    b"CONNECT localhost:80" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000,
    b"GET /healthz HTTP/1.0\r\n\r\n",
    b"no HTTP\r\n\r\n",
    b"\r\n",
)


def test_whatever_clients_send(caplog: pytest.LogCaptureFixture) -> None:
    choose = random.Random(1)

    async def client(server: InProcess) -> None:
        data = bytearray(b"".join(choose.choices(PIECES, k=choose.randint(1, 6))))
        for _ in range(choose.choice([0, 0, 3])):
            data[choose.randrange(len(data))] = choose.randrange(256)
        reader, writer = await server.open()
        try:
            while data:
                size = choose.choice([7, 100, 5000, 100_000])
                writer.write(data[:size])
                del data[:size]
                await asyncio.sleep(choose.choice([0, 0.001]))
            end = choose.choice(["leave", "half-close", "wait"])
            if end == "half-close":
                writer.write_eof()
            if end != "leave":
                async with asyncio.timeout(5):
                    await reader.read()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def test(server: InProcess) -> None:
        server.service.free.set()
        for _ in range(5):
            await asyncio.gather(*(client(server) for _ in range(20)))
        while server.number("fer_zoo_connections") > 0:
            await asyncio.sleep(0.02)
        assert server.number("fer_zoo_waiting_requests") == 0
        assert caplog.records == []

    limits = replace(Limits(), body_bytes=50_000, timeout=0.3, idle=0.2, linger=0.1, upload_grace=0.2, grace=1)
    in_process(limits, test, 60)
