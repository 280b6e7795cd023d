"""Puts a real server under load: requests of several connections, with hostile clients at the same time."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from PIL import Image, ImageOps

from fer_zoo.console import track
from fer_zoo.errors import FerZooError

from ..latency.percentiles import percentile
from ..machine import describe, now
from .rows import ServingReport, ServingRow

_WARM_UP = 50
_RETRY_SECONDS = 0.05
_MIXED_CONNECTIONS = 200
# What hostile clients do: announce a body and not send it, never end a header, not read the response of a large file.
_HOSTILE = (
    (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15000000\r\n\r\n", b""),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"),
    (b"GET /vendor/onnxruntime/ort-wasm-simd.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
)


@dataclass(frozen=True)
class Load:
    """The load that every server gets.

    Attributes:
        photo: File with a photo of one face.
        size: Width and height in pixels that the photo is cropped and resampled to.
        connections: Numbers of connections, each measured separately.
        hostile: Numbers of hostile clients, each measured separately.
        requests: Number of requests for each number of connections and of hostile clients.
        mixed: Number of requests of 200 connections, of which two in five are broken or too large; 0 for none.
        rounds: Number of rounds that the requests are divided into.
    """

    photo: Path
    size: tuple[int, int]
    connections: Sequence[int]
    hostile: Sequence[int]
    requests: int
    mixed: int
    rounds: int

    def settings(self) -> list[_Setting]:
        """What each server gets in a round."""
        requests = self.requests // self.rounds
        pure = [_Setting(count, crowd, False, requests) for count in self.connections for crowd in self.hostile]
        return [*pure, _Setting(_MIXED_CONNECTIONS, 0, True, self.mixed // self.rounds)] if self.mixed else pure


@dataclass(frozen=True)
class _Setting:
    """What one row measures, with the requests of one round."""

    connections: int
    hostile: int
    mixed: bool
    requests: int


@dataclass(frozen=True)
class _Request:
    """An HTTP request, and the status that it must get."""

    data: bytes
    status: int


@dataclass
class _Samples:
    """Measurements of one server with one setting.

    Attributes:
        seconds: Time of each request, in the order in which they finished.
        wall: Seconds of all rounds.
        failed: Number of responses with another status than the request must get.
        busy: Number of responses 503 to a mixed load, after each of which the request was sent again.
        cpu: Processor time of the server's processes, in seconds.
        memory: Resident memory of the server's processes in bytes, after each round.
    """

    seconds: list[float] = field(default_factory=list)
    wall: float = 0
    cpu: float = 0
    failed: int = 0
    busy: int = 0
    memory: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int

    def memory(self) -> float:
        """Resident memory of the server and of the processes that it has started, in bytes."""
        return sum(process.memory_info().rss for process in self._processes())

    def cpu(self) -> float:
        """Processor time of the server and of the processes that it has started, in seconds."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(time.user + time.system for time in times)

    def _processes(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]


def measure_serving(checkouts: Sequence[Path], load: Load, options: Sequence[str]) -> ServingReport:
    """Put each checkout's server under load, all of them in turns.

    Args:
        checkouts: Folders with the package `fer_zoo`.
        load: The load to send.
        options: Command-line options of the server.

    Raises:
        FerZooError: A server does not start.
    """
    machine = describe()
    photo = _photo(load.photo, load.size)
    good = [_request(photo, 200)]
    mixed = _mixed_requests(photo) if load.mixed else []
    samples = {(checkout, setting): _Samples() for setting in load.settings() for checkout in checkouts}
    with ExitStack() as stack:
        servers = {checkout: stack.enter_context(_serving(checkout, options)) for checkout in checkouts}
        for server in servers.values():
            asyncio.run(_load(server.port, good, _Setting(max(load.connections), 0, False, _WARM_UP), _Samples()))
        # The servers take turns, so that other work on the machine affects all of them equally.
        blocks = [key for _ in range(load.rounds) for key in samples]
        for checkout, setting in track(blocks, "serving"):
            _measure(servers[checkout], mixed if setting.mixed else good, setting, samples[checkout, setting])
    rows = tuple(_row(*key, sampled) for key, sampled in samples.items())
    return ServingReport(now(), machine, load.size, tuple(options), load.rounds, rows)


def _row(checkout: Path, setting: _Setting, sampled: _Samples) -> ServingRow:
    requests = len(sampled.seconds)
    return ServingRow(
        checkout.absolute().name,
        setting.connections,
        setting.hostile,
        setting.mixed,
        requests,
        sampled.failed,
        sampled.busy,
        requests_per_second=requests / sampled.wall,
        p50_ms=1000 * percentile(sampled.seconds, 50),
        p99_ms=1000 * percentile(sampled.seconds, 99),
        cpu_ms=1000 * sampled.cpu / requests,
        first_bytes=sampled.memory[0],
        last_bytes=sampled.memory[-1],
    )


def _measure(server: Server, requests: Sequence[_Request], setting: _Setting, samples: _Samples) -> None:
    start, cpu = time.perf_counter(), server.cpu()
    asyncio.run(_load(server.port, requests, setting, samples))
    samples.cpu += server.cpu() - cpu
    samples.wall += time.perf_counter() - start
    samples.memory.append(server.memory())


async def _load(port: int, requests: Sequence[_Request], setting: _Setting, samples: _Samples) -> None:
    """Send requests over several connections, with hostile clients at the same time, and add to the samples.

    Of a mixed load, those that get 503 are sent again, since its connections are more than may wait; of photos alone
    they have failed.
    """
    left = iter(range(setting.requests))

    async def client() -> None:
        connection = await asyncio.open_connection("127.0.0.1", port)
        for number in left:
            request = requests[number % len(requests)]
            start = time.perf_counter()
            while True:
                status, closed = await _send(*connection, request.data)
                if closed:
                    connection[1].close()
                    connection = await asyncio.open_connection("127.0.0.1", port)
                if status != 503 or not setting.mixed:
                    break
                samples.busy += 1
                await asyncio.sleep(_RETRY_SECONDS)
            samples.seconds.append(time.perf_counter() - start)
            samples.failed += status != request.status
        connection[1].close()

    crowd = [asyncio.create_task(_be_hostile(port, _HOSTILE[i % len(_HOSTILE)])) for i in range(setting.hostile)]
    await asyncio.sleep(1 if crowd else 0)  # All of them are connected before the first request.
    await asyncio.gather(*(client() for _ in range(setting.connections)))
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bool]:
    """Send one request.

    Returns the response's status, 0 where there was none, and whether the connection is closed after it.
    """
    try:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
    except (OSError, asyncio.IncompleteReadError):
        return 0, True
    return int(head.split()[1]), b"\r\nconnection: close\r\n" in head


async def _be_hostile(port: int, sent: tuple[bytes, bytes]) -> None:
    """Hold a connection for as long as the server allows it, and then the next one.

    Args:
        port: Port of the server.
        sent: The bytes to send at once, and the bytes to send every second after that. Nothing is read.
    """
    at_once, every_second = sent
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            try:
                writer.write(at_once)
                while not writer.is_closing():
                    writer.write(every_second)
                    await asyncio.sleep(1)
            finally:
                writer.transport.abort()
        await asyncio.sleep(1)


@contextmanager
def _serving(checkout: Path, options: Sequence[str]) -> Iterator[Server]:
    command = [sys.executable, "-m", "fer_zoo.serve", "--port", "0", *options]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("http://"):
            raise FerZooError(f"the server of {checkout} did not start")
        try:
            yield Server(process, int(line.split("/")[2].rpartition(":")[2]))
        finally:
            process.terminate()


def _photo(path: Path, size: tuple[int, int]) -> bytes:
    """The photo, cropped and resampled to this size, as JPEG."""
    file = io.BytesIO()
    with Image.open(path) as image:
        ImageOps.fit(image.convert("RGB"), size).save(file, "JPEG", quality=90)
    return file.getvalue()


def _request(photo: bytes, status: int) -> _Request:
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return _Request(head % len(photo) + photo, status)


def _mixed_requests(photo: bytes) -> list[_Request]:
    """Ten requests: six photos, half a photo, an empty body, too many pixels and too many bytes."""
    pixels = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(pixels, "PNG")
    good = _request(photo, 200)
    broken = [_request(photo[: len(photo) // 2], 400), _request(b"", 400)]
    large = [_request(pixels.getvalue(), 413), _request(bytes(20_000_000), 413)]
    return [*[good] * 3, *broken, *[good] * 3, *large]
