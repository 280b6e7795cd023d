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
        requests: Number of requests for each number of connections.
        rounds: Number of rounds that the requests are divided into.
    """

    photo: Path
    size: tuple[int, int]
    requests: int
    rounds: int


@dataclass
class _Samples:
    """Measurements of one server with one number of connections.

    Attributes:
        seconds: Time of each request, in the order in which they finished.
        wall: Seconds of all rounds.
        failed: Number of responses with another status than 200.
        cpu: Processor time of the server's processes, in seconds.
        memory: Resident memory of the server's processes in bytes, after each round.
    """

    seconds: list[float] = field(default_factory=list)
    wall: float = 0
    cpu: float = 0
    failed: int = 0
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


def measure_serving(
    checkouts: Sequence[Path], load: Load, connections: Sequence[int], hostile: Sequence[int], options: Sequence[str]
) -> ServingReport:
    """Put each checkout's server under load, all of them in turns.

    Args:
        checkouts: Folders with the package `fer_zoo`.
        load: The load to send.
        connections: Numbers of connections, each measured separately.
        hostile: Numbers of hostile clients, each measured separately.
        options: Command-line options of the server.

    Raises:
        FerZooError: A server does not start.
    """
    machine = describe()
    request = _request(_photo(load.photo, load.size))
    samples = {
        (checkout, count, crowd): _Samples() for count in connections for crowd in hostile for checkout in checkouts
    }
    with ExitStack() as stack:
        servers = {checkout: stack.enter_context(_serving(checkout, options)) for checkout in checkouts}
        for server in servers.values():
            asyncio.run(_load(server.port, request, max(connections), _WARM_UP))
        # The servers take turns, so that other work on the machine affects all of them equally.
        blocks = [key for _ in range(load.rounds) for key in samples]
        for checkout, count, crowd in track(blocks, "serving"):
            requests = load.requests // load.rounds
            _measure(servers[checkout], request, count, requests, crowd, samples[checkout, count, crowd])
    rows = tuple(_row(*key, sampled) for key, sampled in samples.items())
    return ServingReport(now(), machine, load.size, tuple(options), load.rounds, rows)


def _row(checkout: Path, connections: int, hostile: int, sampled: _Samples) -> ServingRow:
    requests = len(sampled.seconds)
    return ServingRow(
        checkout.resolve().name,
        connections,
        hostile,
        requests,
        sampled.failed,
        requests_per_second=requests / sampled.wall,
        p50_ms=1000 * percentile(sampled.seconds, 50),
        p99_ms=1000 * percentile(sampled.seconds, 99),
        cpu_ms=1000 * sampled.cpu / requests,
        first_bytes=sampled.memory[0],
        last_bytes=sampled.memory[-1],
    )


def _measure(server: Server, request: bytes, connections: int, requests: int, hostile: int, row: _Samples) -> None:
    start, cpu = time.perf_counter(), server.cpu()
    seconds, failed = asyncio.run(_load(server.port, request, connections, requests, hostile))
    row.cpu += server.cpu() - cpu
    row.wall += time.perf_counter() - start
    row.seconds += seconds
    row.failed += failed
    row.memory.append(server.memory())


async def _load(
    port: int, request: bytes, connections: int, requests: int, hostile: int = 0
) -> tuple[list[float], int]:
    """Send requests over several connections, with hostile clients at the same time.

    Returns the seconds of each request, and the number of failed ones.
    """
    left = iter(range(requests))
    seconds: list[float] = []
    failed = 0

    async def client() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            seconds.append(time.perf_counter() - start)
            failed += not head.startswith(b"HTTP/1.1 200 ")
        writer.close()

    crowd = [asyncio.create_task(_be_hostile(port, _HOSTILE[i % len(_HOSTILE)])) for i in range(hostile)]
    await asyncio.sleep(1 if crowd else 0)  # All of them are connected before the first request.
    await asyncio.gather(*(client() for _ in range(connections)))
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    return seconds, failed


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


def _request(photo: bytes) -> bytes:
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return head % len(photo) + photo
