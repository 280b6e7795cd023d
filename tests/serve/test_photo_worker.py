"""Pictures are decoded in processes that end when they should."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import resident
from starlette.exceptions import HTTPException

from fer_zoo.faces.search import PhotoFaces
from fer_zoo.serve.photo_processes import PhotoWorkers
from fer_zoo.serve.photo_worker import read_crops, read_small_face


def test_a_process_that_hangs_or_dies_is_replaced(face_file: bytes) -> None:
    async def main() -> None:
        workers = PhotoWorkers(1, 50_000_000, 100)
        try:
            assert (await workers.crops(face_file, True)).crops.shape == (1, 48, 48)
            pid = _pid(workers)
            # As one that hangs in native code: it takes no signal but the system's last one.
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await workers.crops(face_file, True)
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
            assert (await workers.crops(face_file, True)).width == 48

            # As one that a damaged file makes the decoder crash, or the system runs out of memory.
            os.kill(_pid(workers), signal.SIGKILL)
            with pytest.raises(HTTPException, match="decoding it ended the process"):
                await workers.crops(face_file, True)
            assert (await workers.crops(face_file, False)).faces == []
        finally:
            workers.close()

    asyncio.run(main())


def test_a_waiting_request_is_not_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four clients that ask again at once, each has its turn; waiting ones were overtaken, and waited twice."""
    served: list[bytes] = []

    async def exchange(worker: object, content: bytes, cropped: bool) -> PhotoFaces:
        served.append(content)
        await asyncio.sleep(0)
        return PhotoFaces(48, 48, None, np.zeros((1, 48, 48), np.uint8), False, "L")

    monkeypatch.setattr("fer_zoo.serve.photo_processes._Worker.exchange", exchange)

    async def main() -> None:
        workers = PhotoWorkers(1, 50_000_000, 100)

        async def client(name: bytes) -> None:
            for _ in range(5):
                await workers.crops(name, True)

        await asyncio.gather(*(client(name) for name in (b"a", b"b", b"c", b"d")))

    asyncio.run(main())
    assert b"".join(served) == b"abcd" * 5


def _photo(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "gray").save(file, "JPEG")
    return file.getvalue()


def _pid(workers: PhotoWorkers) -> int:
    process = workers._workers[0]._process
    assert process is not None
    assert process.pid is not None
    return process.pid


def test_small_faces_are_read_here_as_they_are_there(face_file: bytes) -> None:
    there = read_crops(face_file, True, None, 50_000_000, 100)  # type: ignore[arg-type]
    here = read_small_face(face_file)
    assert isinstance(there, PhotoFaces)
    assert here is not None
    assert (here.width, here.height, here.faces) == (there.width, there.height, None)
    np.testing.assert_array_equal(here.crops, there.crops)
    gif = io.BytesIO()
    Image.new("L", (48, 48)).save(gif, "GIF")
    for other in (_photo(257, 256), face_file[:60], gif.getvalue(), b""):
        assert read_small_face(other) is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_the_memory_of_large_pictures_is_given_back() -> None:
    small, large = _photo(640, 480), _photo(4000, 3000)

    async def main() -> None:
        workers = PhotoWorkers(1, 50_000_000, 100)
        try:
            await workers.crops(small, False)
            before = resident(_pid(workers))
            for photo in (large, large, small):
                await workers.crops(photo, False)
            # Each has 36 MB, and more while it is decoded.
            assert resident(_pid(workers)) - before < 25
        finally:
            workers.close()

    asyncio.run(main())
