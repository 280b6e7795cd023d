"""Requests that come while the model is busy share its next call."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer_zoo.serve.batching import Batcher


def _faces(value: int, count: int = 1) -> np.ndarray:
    return np.full((count, 48, 48), value, np.uint8)


def test_requests_share_calls_and_get_their_own_rows() -> None:
    sizes: list[int] = []
    free = threading.Event()

    def classify(faces: np.ndarray) -> np.ndarray:
        sizes.append(len(faces))
        free.wait(10)
        return np.repeat(faces[:, 0, :1].astype(np.float32), 7, axis=1)

    async def main() -> list[np.ndarray]:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(classify, executor, 16)
            first = asyncio.create_task(batcher.submit(_faces(0)))
            while not sizes:
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(batcher.submit(_faces(i, i % 3 + 1))) for i in range(1, 20)]
            await asyncio.sleep(0)
            free.set()
            rows = await asyncio.gather(first, *others)
            batcher.close()
            return rows

    rows = asyncio.run(main())
    for i, part in enumerate(rows):
        assert part.shape == (i % 3 + 1 if i else 1, 7)
        assert (part == i).all()
    # 38 faces waited: the first call had one, the others at least sixteen each until the rest.
    assert sizes[0] == 1
    assert sum(sizes) == 1 + sum(i % 3 + 1 for i in range(1, 20))
    assert len(sizes) <= 4


def test_a_failed_call_reaches_those_who_wait_and_the_next_one_works() -> None:
    def classify(faces: np.ndarray) -> np.ndarray:
        if faces[0, 0, 0] == 9:
            raise RuntimeError("no")
        return np.zeros((len(faces), 7), np.float32)

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(classify, executor, 16)
            with pytest.raises(RuntimeError, match="no"):
                await batcher.submit(_faces(9))
            assert (await batcher.submit(_faces(1))).shape == (1, 7)
            batcher.close()

    asyncio.run(main())
