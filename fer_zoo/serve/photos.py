"""Pictures decoded and searched for faces in worker processes, which can be ended at any moment."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import socket
import struct

from starlette.exceptions import HTTPException

from fer_zoo.faces.search import PhotoFaces
from fer_zoo.serve.photo_worker import Unreadable, work

_context = multiprocessing.get_context("spawn")
# What goes before each message on a multiprocessing connection, which the process reads and writes.
_LENGTH = struct.Struct("!i")


class PhotoWorkers:
    """A fixed number of processes; one that dies, or whose request is cancelled, is replaced.

    Args:
        count: Pictures decoded at the same time; each holds one decoded picture.
        max_pixels: Of one picture.
        max_faces: Of one picture, the best found.
    """

    def __init__(self, count: int, max_pixels: int, max_faces: int) -> None:
        # Last in, first out: where one process is enough, no other is started.
        self._free: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers = [_Worker(max_pixels, max_faces) for _ in range(count)]
        for worker in self._workers:
            self._free.put_nowait(worker)

    async def start(self) -> None:
        """Start all processes, else each when it is first needed, and wait until they can decode."""
        await asyncio.gather(*(self._exchange(b"", False) for _ in self._workers))

    async def crops(self, content: bytes, cropped: bool) -> PhotoFaces:
        """The faces of an image file. Cancelling ends the decoding too.

        Args:
            content: Of the file.
            cropped: The picture is one face already.

        Raises:
            HTTPException: 400 or 413, the picture cannot be read or is too large.
        """
        found = await self._exchange(content, cropped)
        if isinstance(found, Unreadable):
            raise HTTPException(found.status, found.reason)
        return found

    def close(self) -> None:
        for worker in self._workers:
            worker.end()

    async def _exchange(self, content: bytes, cropped: bool) -> PhotoFaces | Unreadable:
        worker = await self._free.get()
        try:
            return await worker.exchange(content, cropped)
        except (EOFError, OSError):
            worker.end()
            raise HTTPException(400, "the image cannot be read: decoding it ended the process") from None
        except asyncio.CancelledError:
            worker.end()
            raise
        finally:
            self._free.put_nowait(worker)


class _Worker:
    """One process, started when it is first needed."""

    def __init__(self, max_pixels: int, max_faces: int) -> None:
        self._limits = max_pixels, max_faces
        self._process: multiprocessing.process.BaseProcess | None = None

    async def exchange(self, content: bytes, cropped: bool) -> PhotoFaces | Unreadable:
        """What `photo_worker.work` answers; EOFError or OSError where the process has ended."""
        if self._process is None:
            await self._start()
        message = pickle.dumps((content, cropped))
        self._writer.writelines([_LENGTH.pack(len(message)), message])
        await self._writer.drain()
        (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
        return pickle.loads(await self._reader.readexactly(length))

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        self._process = _context.Process(target=work, args=(theirs, *self._limits), name="photos", daemon=True)
        self._process.start()
        # The process has its copy: the connection ends with it.
        theirs.close()

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None
            self._writer.close()
