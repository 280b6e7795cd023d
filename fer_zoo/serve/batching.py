"""Faces of several requests in one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np


class Batcher:
    """Collects faces while the model is busy, so that batches grow with the load and nobody waits for company.

    Args:
        classify: Numbers `[n, 48, 48]` in 0..255 to float32 `[n, classes]`; called in `executor`, one call at a time.
        executor: Runs `classify`.
        largest: Faces in one call, unless one request alone brings more.
        observe: Called with the number of faces of each call.
    """

    def __init__(
        self,
        classify: Callable[[np.ndarray], np.ndarray],
        executor: Executor,
        largest: int,
        observe: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._classify = classify
        self._executor = executor
        self._largest = largest
        self._observe = observe
        self._queue: asyncio.Queue[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, faces: np.ndarray) -> np.ndarray:
        """The probabilities, float32 `[n, classes]`, of uint8 or float32 `[n, 48, 48]`."""
        loop = asyncio.get_running_loop()
        self._task = self._task or loop.create_task(self._work())
        future: asyncio.Future[np.ndarray] = loop.create_future()
        self._queue.put_nowait((faces, future))
        return await future

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            count = len(batch[0][0])
            while not self._queue.empty() and count < self._largest:
                batch.append(self._queue.get_nowait())
                count += len(batch[-1][0])
            # A request that gave up has cancelled its future.
            batch = [(faces, future) for faces, future in batch if not future.done()]
            if not batch:
                continue
            try:
                faces = np.concatenate([faces for faces, _ in batch])
                self._observe(len(faces))
                probabilities = await loop.run_in_executor(self._executor, self._classify, faces)
            except Exception as error:  # Whatever it is, it belongs to those who wait for it.
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            ends = np.cumsum([len(faces) for faces, _ in batch])
            for (_, future), part in zip(batch, np.split(probabilities, ends[:-1]), strict=True):
                if not future.done():
                    future.set_result(part)
