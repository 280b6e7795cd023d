"""Decodes pictures and finds their faces in worker processes, which can be ended at any moment."""

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
# The length before each message on a multiprocessing connection, as the worker process uses it.
_LENGTH = struct.Struct("!i")


class PhotoWorkers:
    """A fixed number of processes; one that dies, or whose request is cancelled, is replaced.

    Args:
        count: Number of processes, each of which decodes one picture at a time.
        max_pixels: Limit for the pixels of one picture.
        max_faces: Limit for the faces of one picture; those with the best scores are returned.
    """

    def __init__(self, count: int, max_pixels: int, max_faces: int) -> None:
        self._workers = [_Worker(max_pixels, max_faces) for _ in range(count)]
        # The last one that was used comes first: if one process is enough, no other is started.
        self._free = list(self._workers)
        # First come, first served, unlike a queue of workers: there, a request that has just arrived takes the worker
        # that a waiting one was woken for, which then goes to the end of the line.
        self._turn = asyncio.Semaphore(count)

    async def start(self) -> None:
        """Start all processes and wait until they are ready; without this call, each starts when first needed."""
        await asyncio.gather(*(self._exchange(b"", False) for _ in self._workers))

    async def crops(self, content: bytes, cropped: bool) -> PhotoFaces:
        """The faces of an image file. Cancelling the call also ends the decoding.

        Args:
            content: Content of the file.
            cropped: Whether the picture shows one face and nothing else.

        Raises:
            HTTPException: The picture cannot be read (400) or is too large (413).
        """
        photo = await self._exchange(content, cropped)
        if isinstance(photo, Unreadable):
            raise HTTPException(photo.status, photo.reason)
        return photo

    def close(self) -> None:
        for worker in self._workers:
            worker.end()

    async def _exchange(self, content: bytes, cropped: bool) -> PhotoFaces | Unreadable:
        async with self._turn:
            worker = self._free.pop()
            try:
                return await worker.exchange(content, cropped)
            except (EOFError, OSError):
                worker.end()
                raise HTTPException(400, "the image cannot be read: decoding it ended the process") from None
            except asyncio.CancelledError:
                worker.end()
                raise
            finally:
                self._free.append(worker)


class _Worker:
    """One process, started when it is first needed."""

    def __init__(self, max_pixels: int, max_faces: int) -> None:
        self._limits = max_pixels, max_faces
        self._process: multiprocessing.process.BaseProcess | None = None

    async def exchange(self, content: bytes, cropped: bool) -> PhotoFaces | Unreadable:
        """Send a picture to `photo_worker.work` and return its reply; EOFError or OSError if the process has ended."""
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
        # The process has its own copy of this end, so the connection closes when the process ends.
        theirs.close()

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None
            self._writer.close()
