"""Data parallelism on JAX: each core of the CPU is a device, which computes its share of every batch.

XLA keeps little more than one core busy with a convolution of this size. Batch statistics, loss and gradients stay
those of the whole batch. On other backends, which spread their work themselves, nothing here does anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras

from fer_zoo.cpu import cores

_MOST_SHARES = 8


@contextmanager
def all_cores(batch_size: int) -> Iterator[None]:
    """On JAX, compute on all cores of the CPU what `training_step_model` and `Predictor` compute in this context.

    Nothing happens on other backends, on a GPU, or where JAX has started with fewer devices.

    Args:
        batch_size: Images a step; the number of shares divides it, and is at most 8.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    most = min(cores(), _MOST_SHARES)
    if jax.config.values["jax_num_cpu_devices"] < 1:  # Neither JAX_NUM_CPU_DEVICES nor the program says how many.
        with suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", most)
    shares = max(n for n in range(1, most + 1) if batch_size % n == 0)
    before = keras.distribution.distribution()
    if jax.devices()[0].platform == "cpu" and 1 < shares <= jax.device_count():
        devices = keras.distribution.list_devices("cpu")[:shares]
        keras.distribution.set_distribution(_WholeBatches(devices=devices, auto_shard_dataset=False))
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


class _WholeBatches(keras.distribution.DataParallel):
    """Every device gets every batch whole, and takes its share of it within the compiled step.

    Keras itself would cut all batches as it does the first one, and fail at the last one of an epoch, which may be of a
    size that the devices do not divide.
    """

    def get_data_layout(self, data_shape: tuple[int, ...]) -> keras.distribution.TensorLayout:
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)


def training_step_model(inputs: Any, outputs: Any) -> keras.Model:
    """A functional model whose training steps run on all cores within `all_cores`."""
    if keras.backend.backend() == "jax":
        return _ShardedSteps(inputs, outputs)
    return keras.Model(inputs, outputs)


class _ShardedSteps(keras.Model):
    def train_step(self, state: Any, data: Any) -> Any:
        return super().train_step(state, shard_batch(data))


def shard_batch(batch: Any) -> Any:
    """Have each device of the current distribution compute its share of a batch only; called within a compiled step.

    There are as many shares as divide both the batch and the devices; where those are fewer than the devices, several
    of them compute the same share.

    Args:
        batch: A tree of JAX arrays of one length, `None` among them.
    """
    import jax

    distribution = keras.distribution.distribution()
    if distribution is None:
        return batch
    devices = distribution.device_mesh.backend_mesh.devices

    def shard(array: jax.Array) -> jax.Array:
        shares = math.gcd(len(array), devices.size)
        mesh = jax.sharding.Mesh(devices.reshape(shares, -1), ("shares", "copies"))
        sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("shares"))
        return jax.lax.with_sharding_constraint(array, sharding)

    return jax.tree.map(shard, batch)
