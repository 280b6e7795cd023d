"""Classifies the faces of several requests in one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np


class Batcher:
    """Collects faces while the model is busy: batches grow with the load, and no request waits for a batch to fill.

    Args:
        classify: Maps numbers `[n, 48, 48]` in 0..255 to float32 `[n, classes]`; called in `executor`, one call at a
            time.
        executor: Runs `classify`.
        largest: Largest number of faces in one call, unless a single request has more.
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
        """Classify faces, uint8 or float32 `[n, 48, 48]`; returns probabilities, float32 `[n, classes]`."""
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
            # The future of a request that has been cancelled is done.
            batch = [(faces, future) for faces, future in batch if not future.done()]
            if not batch:
                continue
            try:
                faces = np.concatenate([faces for faces, _ in batch])
                self._observe(len(faces))
                probabilities = await loop.run_in_executor(self._executor, self._classify, faces)
            except Exception as error:  # Any error is raised in the requests that wait for this batch.
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            ends = np.cumsum([len(faces) for faces, _ in batch])
            for (_, future), part in zip(batch, np.split(probabilities, ends[:-1]), strict=True):
                if not future.done():
                    future.set_result(part)
