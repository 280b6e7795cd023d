"""Servers that tests talk to: one in a process of its own, and ones in the test's own event loop."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uvicorn

from fer_zoo.faces.search import PhotoFaces
from fer_zoo.serve.app import build_app
from fer_zoo.serve.catalog import ServedModel, served_models
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.prometheus import Metrics
from fer_zoo.serve.run import config, listen


@dataclass(frozen=True)
class Serving:
    """A running server.

    Attributes:
        process: It.
        port: On 127.0.0.1.
    """

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def resident(self) -> float:
        """Its memory in megabytes, with that of the processes that it has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return sum(resident(pid) for pid in [str(self.process.pid), *children])


def resident(pid: int | str) -> float:
    """The memory of a process in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class SlowService:
    """Finds no face, when it is told to."""

    def __init__(self) -> None:
        self.models = served_models()[:1]
        self.default = self.models[0]
        self.free = asyncio.Event()

    async def start(self) -> None:
        pass

    async def crops(self, content: bytes, cropped: bool) -> PhotoFaces:
        await self.free.wait()
        return PhotoFaces(1, 1, [], np.empty((0, 48, 48), np.uint8), False, "RGB")

    async def classify(self, model: ServedModel, faces: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def close(self) -> None:
        pass


@dataclass
class InProcess:
    """A server in this event loop that answers with a `SlowService`."""

    server: uvicorn.Server
    service: SlowService
    metrics: Metrics
    port: int

    def number(self, name: str, **labels: str) -> float:
        """Of the metrics."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def open(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection, over which `data` is sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        return reader, writer

    async def ask(self, data: bytes) -> bytes:
        """All that comes back for `data`, until the server closes."""
        reader, writer = await self.open(data)
        try:
            return await reader.read()
        finally:
            writer.close()


def in_process(limits: Limits, test: Callable[[InProcess], Awaitable[None]], seconds: float = 20) -> None:
    """Run `test` against a server with these limits."""

    async def run() -> None:
        service, metrics = SlowService(), Metrics()
        app = build_app(service, limits, metrics)  # type: ignore[arg-type]
        listening = listen("127.0.0.1", 0)
        server = uvicorn.Server(config(lambda: app, limits))
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        await asyncio.wait_for(test(InProcess(server, service, metrics, listening.getsockname()[1])), seconds)
        server.should_exit = True
        await serving

    asyncio.run(run())
