"""The batches of `fit`, prepared ahead in a thread."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import keras

from fer_zoo.data.batches import Batch, Batches
from fer_zoo.training.backbone_features import FeatureBatches


class Stream(keras.utils.PyDataset):
    """The batches of all remaining epochs in order; the next ones are prepared in a thread.

    Not a generator: Keras reads the first batch before it trains, and must be able to read it again.
    """

    def __init__(self, batches: Batches | FeatureBatches, first: int, last: int, ahead: int = 8) -> None:
        super().__init__()
        self.batches = batches
        self.first = first
        self.ahead = ahead
        self.count = (last - first) * len(batches)
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self.pending: dict[int, Future[Batch]] = {}

    @property
    def num_batches(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Batch:
        wanted = range(index, min(index + self.ahead, self.count))
        self.pending = {i: self.pending[i] if i in self.pending else self._submit(i) for i in wanted}
        return self.pending[index].result()

    def _submit(self, index: int) -> Future[Batch]:
        epoch, position = divmod(index, len(self.batches))
        return self.pool.submit(self.batches.batch, self.first + epoch, position)
