"""Clients that are slow, silent or too many, and the end of the server: nobody else notices."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import struct
from dataclasses import replace

import pytest
from running import InProcess, in_process

from fer_zoo.serve import run
from fer_zoo.serve.limits import Limits

CLOSE = b"Host: localhost\r\nConnection: close\r\n"
ASK = b"POST /v1/predict HTTP/1.1\r\n" + CLOSE + b"Content-Length: 4\r\n\r\n"
QUICK = replace(Limits(), linger=0.1)


async def _healthz(server: InProcess) -> dict[str, object]:
    answer = await server.ask(b"GET /healthz HTTP/1.1\r\n" + CLOSE + b"\r\n")
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def _until_waiting(server: InProcess, count: int) -> None:
    while (await _healthz(server))["waiting"] != count:
        await asyncio.sleep(0.01)


def test_slow_clients_and_slow_answers_end_in_time() -> None:
    async def test(server: InProcess) -> None:
        answers = await asyncio.gather(*(server.ask(data) for data in (ASK[:30], ASK + b"ab", ASK + b"abcd")))
        assert [int(answer.split()[1]) for answer in answers] == [408, 408, 503]
        assert b"2 bytes are missing" in answers[1]
        assert b"retry-after: 1" in answers[2]
        assert await server.ask(b"") == b""
        assert server.number("fer_zoo_connections_aborted_total", reason="idle_timeout") == 1

    in_process(replace(QUICK, timeout=0.2, idle=0.2), test)


def test_a_full_queue_says_when_to_come_back() -> None:
    async def test(server: InProcess) -> None:
        waiting = [asyncio.create_task(server.ask(ASK + b"abcd")) for _ in range(3)]
        await _until_waiting(server, 3)
        refused = await server.ask(ASK + b"abcd")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in refused
        server.service.free.set()
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in await asyncio.gather(*waiting))

    in_process(replace(QUICK, waiting=3), test)


def test_bodies_that_would_fill_the_memory_wait_outside() -> None:
    async def test(server: InProcess) -> None:
        running = asyncio.create_task(server.ask(ASK + b"abcd"))
        await _until_waiting(server, 1)
        assert (await server.ask(ASK + b"abcd")).startswith(b"HTTP/1.1 503 ")
        server.service.free.set()
        assert (await running).startswith(b"HTTP/1.1 200 ")

    in_process(replace(QUICK, waiting_bytes=7), test)


def test_what_is_announced_and_not_sent_keeps_nobody_out() -> None:
    """Bodies of twice the memory there is are announced, by more clients than may wait; a good request is answered."""

    async def test(server: InProcess) -> None:
        server.service.free.set()
        head = ASK.replace(b"Content-Length: 4", b"Content-Length: 1000")
        silent = [asyncio.create_task(server.ask(head + b"x")) for _ in range(20)]
        await asyncio.sleep(0.1)
        assert (await server.ask(ASK + b"abcd")).startswith(b"HTTP/1.1 200 ")
        # They end when they should have sent more, long before the timeout.
        for answer in await asyncio.gather(*silent):
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"999 bytes are missing" in answer

    in_process(replace(QUICK, waiting=2, waiting_bytes=10_000, body_bytes=1000, upload_grace=0.3), test)


def test_a_slow_upload_within_the_rate_is_taken() -> None:
    async def test(server: InProcess) -> None:
        server.service.free.set()
        reader, writer = await server.open(ASK.replace(b"Content-Length: 4", b"Content-Length: 50"))
        for _ in range(50):
            writer.write(b"x")
            await asyncio.sleep(0.01)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()

    in_process(replace(QUICK, upload_rate=10, upload_grace=0.2), test)


def test_clients_that_do_not_read_are_ended_and_counted() -> None:
    async def test(server: InProcess) -> None:
        ask = b"GET /vendor/onnxruntime/ort-wasm-simd.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n"
        clients = [await server.open(ask) for _ in range(5)]
        for _, writer in clients:
            # A client whose buffers are full: the kernel takes some megabytes, the file has more.
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        assert (await _healthz(server))["status"] == "ok"
        while server.number("fer_zoo_connections") > 0:
            await asyncio.sleep(0.02)
        assert server.number("fer_zoo_connections_aborted_total", reason="write_timeout") == 5
        for _, writer in clients:
            writer.transport.abort()

    in_process(replace(QUICK, timeout=0.3), test)


def test_responses_are_sent_at_once() -> None:
    async def test(server: InProcess) -> None:
        await server.open()
        while not server.server.server_state.connections:
            await asyncio.sleep(0.01)
        (connection,) = server.server.server_state.connections
        assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    in_process(QUICK, test)


def test_endless_headers_are_refused_also_behind_a_request_that_runs() -> None:
    async def test(server: InProcess) -> None:
        endless = b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000
        assert (await server.ask(endless)).startswith(b"HTTP/1.1 431 ")
        reader, writer = await server.open(ASK.replace(b"Connection: close\r\n", b"") + b"abcd" + endless)
        await asyncio.sleep(0.05)
        writer.write(b"a" * 40_000)
        assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        writer.close()
        server.service.free.set()

    in_process(QUICK, test)


def test_a_connection_goes_on_after_a_refused_body() -> None:
    async def test(server: InProcess) -> None:
        server.service.free.set()
        ask = ASK.replace(b"Connection: close\r\n", b"").replace(b"Length: 4", b"Length: %d")
        reader, writer = await server.open(ask % 50_000)
        assert b" 413 " in await reader.readuntil(b"\r\n\r\n")
        # The next request's header comes with the end of the refused body, and its own body later.
        writer.write(bytes(50_000) + ask % 40_000)
        await asyncio.sleep(0.05)
        writer.write(bytes(40_000))
        assert b" 200 " in (await reader.readuntil(b"\r\n\r\n")).partition(b"\n")[2]
        await asyncio.sleep(0.05)
        writer.write(b"GET /healthz HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert (await reader.read()).count(b"HTTP/1.1 200 ") == 1

    in_process(replace(QUICK, body_bytes=40_000), test)


def test_idle_connections_evict_idle_for_new_ones() -> None:
    async def test(server: InProcess) -> None:
        idle = [await server.open() for _ in range(9)]
        while server.number("fer_zoo_connections") < len(idle):
            await asyncio.sleep(0.01)
        assert (await _healthz(server))["status"] == "ok"
        # The one that has been idle longest went.
        assert await asyncio.wait_for(idle[0][0].read(), 5) == b""
        assert server.number("fer_zoo_connections_aborted_total", reason="evicted") == 1
        assert not idle[1][0].at_eof()

    in_process(replace(QUICK, connections=9), test)


def test_connections_with_a_refused_body_evict_idle_too() -> None:
    async def test(server: InProcess) -> None:
        head = ASK.replace(b"Connection: close\r\n", b"").replace(b"Length: 4", b"Length: 99")
        refused = [await server.open(head) for _ in range(3)]
        for reader, _ in refused:
            assert b" 408 " in await reader.readline()
        assert (await _healthz(server))["status"] == "ok"
        assert server.number("fer_zoo_connections_aborted_total", reason="evicted") == 1

    in_process(replace(Limits(), connections=3, upload_grace=0.1), test)


def test_connections_beyond_the_limit_are_told_so_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: InProcess) -> None:
        busy = [asyncio.create_task(server.ask(ASK + b"abcd")) for _ in range(4)]
        while server.number("fer_zoo_waiting_requests") < len(busy):
            await asyncio.sleep(0.01)
        for _ in range(3):
            assert b"too many connections" in await server.ask(b"")
        assert server.number("fer_zoo_connections_refused_total") == 3
        assert [record.message for record in caplog.records].count(
            "more than 4 connections, and none is idle: new ones are refused"
        ) == 1
        server.service.free.set()
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in await asyncio.gather(*busy))

    in_process(replace(QUICK, connections=4), test)


def test_what_clients_do_wrong_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: InProcess) -> None:
        ask = ASK.replace(b"Connection: close\r\n", b"") + b"abcd"
        refused = await server.open(ask + b"no HTTP\r\n\r\n")
        assert b" 400 " in await refused[0].readline()
        leaving = [await server.open(data) for data in (ASK + b"ab", ask + ask, b"POST")]
        await asyncio.sleep(0.05)
        for _, writer in leaving:
            # Without a farewell: the server gets a reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        server.service.free.set()
        while server.number("fer_zoo_connections") > 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert caplog.records == []
        assert server.number("fer_zoo_requests_total", endpoint="predict", status="499") == 1

    in_process(QUICK, test)


def test_connections_stay_below_the_files_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (400, 4096))
    assert run._most_connections(Limits()) == 400 - run.BACKLOG - run._OTHER_FILES
    assert run._most_connections(replace(Limits(), connections=9)) == 9


def test_stopping_answers_what_runs_and_closes_what_is_idle() -> None:
    async def test(server: InProcess) -> None:
        running = asyncio.create_task(server.ask(ASK.replace(b"Connection: close\r\n", b"") + b"abcd"))
        reader, _ = await server.open()
        await _until_waiting(server, 1)
        server.server.should_exit = True
        assert await reader.read() == b""
        with pytest.raises(OSError, match=r"refused|failed"):
            await server.open()
        server.service.free.set()
        answer = await running
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer

    in_process(Limits(), test)


def test_requests_beyond_the_grace_are_told_so() -> None:
    async def test(server: InProcess) -> None:
        running = asyncio.create_task(server.ask(ASK + b"abcd"))
        await _until_waiting(server, 1)
        server.server.should_exit = True
        answer = await running
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"the server is stopping" in answer

    in_process(replace(Limits(), grace=0.2), test)
