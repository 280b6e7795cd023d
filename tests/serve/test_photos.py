"""Pictures are decoded in processes that end when they should."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from starlette.exceptions import HTTPException

from fer_zoo.serve.photos import PhotoWorkers


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


def _pid(workers: PhotoWorkers) -> int:
    process = workers._workers[0]._process
    assert process is not None
    assert process.pid is not None
    return process.pid
