"""Requests a second and latency of `fer-zoo serve`, several checkouts side by side: `python -m benchmarks serve`."""

from __future__ import annotations

import argparse
import asyncio
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from PIL import Image, ImageOps
from rich.table import Table

from fer_zoo.console import HelpFormatter, track
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.tables import print_table

from .arguments import positive
from .latency.percentiles import percentile

_CHECKOUT = Path(__file__).parents[1]
_PHOTO = _CHECKOUT / "docs" / "images" / "astronaut.jpg"
_WARM_UP = 50
# A body that is announced and does not come, a header that never ends, and a large file that is not read.
_HOSTILE = (
    (b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15000000\r\n\r\n", b""),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"),
    (b"GET /vendor/onnxruntime/ort-wasm-simd.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
)


@dataclass
class Measured:
    """What one server did with one number of connections.

    Attributes:
        seconds: Of each request, in order of their ends.
        wall: Seconds of all rounds.
        failed: Requests that were not answered with 200.
        cpu: Seconds that the server's processes computed.
        megabytes: Their resident memory after each round.
    """

    seconds: list[float] = field(default_factory=list)
    wall: float = 0
    cpu: float = 0
    failed: int = 0
    megabytes: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int

    def megabytes(self) -> float:
        """Resident memory of it and of the processes that it has started."""
        return sum(process.memory_info().rss for process in self._processes()) / 1e6

    def cpu(self) -> float:
        """Seconds that they have computed."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(time.user + time.system for time in times)

    def _processes(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    for checkout in given.checkout:
        if not (checkout / "fer_zoo" / "serve").is_dir():
            raise UsageError(f"{checkout} is no checkout of fer_zoo; pass folders that have fer_zoo/serve")
    request = _request(_photo(given.photo, given.size))
    crowds = (0, given.hostile) if given.hostile else (0,)
    rows = {
        (checkout, count, hostile): Measured()
        for count in given.connections
        for hostile in crowds
        for checkout in given.checkout
    }
    with ExitStack() as stack:
        servers = {checkout: stack.enter_context(_serving(checkout, given.options)) for checkout in given.checkout}
        for server in servers.values():
            asyncio.run(_load(server.port, request, max(given.connections), _WARM_UP))
        # In turns, so that whatever else the machine does meets all of them.
        blocks = [key for _ in range(given.rounds) for key in rows]
        for checkout, count, hostile in track(blocks, "serving"):
            requests = given.requests // given.rounds
            _measure(servers[checkout], request, count, requests, hostile, rows[checkout, count, hostile])
    _show(rows)
    return int(any(row.failed for row in rows.values()))


def _measure(server: Server, request: bytes, connections: int, requests: int, hostile: int, row: Measured) -> None:
    start, cpu = time.perf_counter(), server.cpu()
    seconds, failed = asyncio.run(_load(server.port, request, connections, requests, hostile))
    row.cpu += server.cpu() - cpu
    row.wall += time.perf_counter() - start
    row.seconds += seconds
    row.failed += failed
    row.megabytes.append(server.megabytes())


async def _load(
    port: int, request: bytes, connections: int, requests: int, hostile: int = 0
) -> tuple[list[float], int]:
    """Send requests over so many connections at a time, beside hostile clients; the seconds of each, and how many
    failed."""
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
        port: Of the server.
        sent: What is sent at once, and then again every second. Nothing is read.
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
def _serving(checkout: Path, options: list[str]) -> Iterator[Server]:
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
    """The photo cut and enlarged or shrunk to this size, as JPEG."""
    file = io.BytesIO()
    with Image.open(path) as image:
        ImageOps.fit(image.convert("RGB"), size).save(file, "JPEG", quality=90)
    return file.getvalue()


def _request(photo: bytes) -> bytes:
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return head % len(photo) + photo


def _show(rows: dict[tuple[Path, int, int], Measured]) -> None:
    table = Table(
        "checkout",
        "connections",
        "hostile",
        "requests",
        "failed",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU ms",
        "MB first",
        "MB last",
    )
    for (checkout, connections, hostile), row in rows.items():
        table.add_row(
            checkout.resolve().name,
            str(connections),
            str(hostile),
            str(len(row.seconds)),
            str(row.failed),
            f"{len(row.seconds) / row.wall:.1f}",
            f"{1000 * percentile(row.seconds, 50):.1f}",
            f"{1000 * percentile(row.seconds, 99):.1f}",
            f"{1000 * row.cpu / len(row.seconds):.1f}",
            f"{row.megabytes[0]:.0f}",
            f"{row.megabytes[-1]:.0f}",
        )
    print_table(table)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return positive(width), positive(height)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks serve",
        description="Requests a second and latency of `fer-zoo serve` with one photo of one face.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "--checkout", nargs="+", type=Path, default=[_CHECKOUT], metavar="FOLDER", help="versions to compare, in turns"
    )
    parser.add_argument("--photo", type=Path, default=_PHOTO)
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="of the photo (default: 640x480)")
    parser.add_argument("--connections", nargs="+", type=positive, default=[8, 16], metavar="N")
    parser.add_argument(
        "--hostile",
        type=positive,
        metavar="N",
        help="measure again beside N clients that hold connections: bodies that do not come, headers that do not end, "
        "files that are not read",
    )
    parser.add_argument("--requests", type=positive, default=1000, help="with each number of connections")
    parser.add_argument("--rounds", type=positive, default=4, help="that they are cut into")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of the server; the last of all")
    return parser
