"""Data parallelism on JAX: each core of the CPU is a device, which computes its share of every batch.

XLA keeps little more than one core busy with a convolution of this size. Batch statistics, loss and gradients are still
those of the whole batch. Other backends use all cores themselves; the functions here have no effect on them.
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
    """On JAX, let `training_step_model` and `Predictor` use all cores of the CPU in this context.

    It has no effect on other backends, on a GPU, or if JAX has already started with fewer devices.

    Args:
        batch_size: Images in a step; the number of shares is a divisor of it, at most 8.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    most = min(cores(), _MOST_SHARES)
    if jax.config.values["jax_num_cpu_devices"] < 1:  # Neither JAX_NUM_CPU_DEVICES nor the program sets the number.
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
    """Sends the whole batch to every device, which takes its share of it within the compiled step.

    Keras itself would split all batches like the first one, and fail at the last batch of an epoch if its size is not
    divisible by the number of devices.
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
    """Let each device of the current distribution compute only its share of a batch; called within a compiled step.

    The number of shares is the greatest common divisor of the batch size and the number of devices; if it is smaller
    than the number of devices, several devices compute the same share.

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
