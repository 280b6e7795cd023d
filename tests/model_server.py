"""A web server of model files that can break off, lie, or have none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class ModelServer:
    """What the server does, and what it was asked for.

    Attributes:
        folder: Of the files.
        cuts: Number of answers that end in the middle, before whole ones.
        damage: Whether each file has one byte changed.
        asked: Paths of all requests.
        address: Of the folder.
    """

    folder: Path
    cuts: int = 0
    damage: bool = False
    asked: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def serve_models(folder: Path) -> Iterator[ModelServer]:
    """Serve the files of a folder on a free port of this machine, as long as the context lasts."""
    state = ModelServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            file = folder / self.path.removeprefix("/zoo/")
            if not file.is_file():
                self.send_error(404)
                return
            content = file.read_bytes()
            if state.damage:
                content = bytes([content[0] ^ 1]) + content[1:]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if state.cuts:
                state.cuts -= 1
                content = content[: len(content) // 2]
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}/zoo"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
