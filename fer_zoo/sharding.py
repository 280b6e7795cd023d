"""Data parallelism on JAX: each core of the CPU is a device, which computes its share of every batch.

XLA keeps little more than one core busy with a convolution of this size. Batch statistics, loss and gradients are still
those of the whole batch. Other backends use all cores themselves; the functions here have no effect on them.

Where `jax.distributed` has joined several processes, the devices are those of all of them. Each process makes the whole
batch, the same one, and all must do the same: what one alone starts to compute waits for the others for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras
import numpy as np

from fer_zoo.cpu import cores
from fer_zoo.errors import UsageError

_MOST_SHARES = 8


@contextmanager
def all_cores(batch_size: int) -> Iterator[None]:
    """On JAX, let `training_step_model` and `Predictor` use all cores of the CPU in this context.

    It has no effect on other backends, on a GPU, or if JAX has already started with fewer devices. Where there are
    several processes, they use the same number of cores, or of GPUs, each.

    Args:
        batch_size: Images in a step; the number of shares is a divisor of it, at most 8 in each process.

    Raises:
        UsageError: The batch cannot be divided by the number of processes.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    if jax.config.values["jax_num_cpu_devices"] < 1:  # Neither JAX_NUM_CPU_DEVICES nor the program sets the number.
        with suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", min(cores(), _MOST_SHARES))
    before = keras.distribution.distribution()
    if len(devices := _devices(batch_size)) > 1:
        keras.distribution.set_distribution(_WholeBatches(devices=devices, auto_shard_dataset=False))
    if jax.process_count() > 1:
        _connect(len(devices))
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def process_count() -> int:
    """Number of processes that train together: those that JAX knows of, 1 on other backends."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count()


def is_first_process() -> bool:
    """Whether this is the only process, or JAX's number 0, which writes and reports what all have computed."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return jax.process_index() == 0


def _devices(batch_size: int) -> list[str]:
    """Keras's names of the devices that share a batch, as many of each process."""
    import jax

    own: dict[int, list[str]] = {}
    for device in jax.devices():
        own.setdefault(device.process_index, []).append(f"{device.platform}:{device.id}")
    if len(own) == 1:
        if jax.devices()[0].platform != "cpu":
            return []
        shares = max(n for n in range(1, min(cores(), _MOST_SHARES) + 1) if batch_size % n == 0)
        return own[0][:shares] if shares <= len(own[0]) else []
    if batch_size % len(own):
        raise UsageError(
            f"{len(own)} processes cannot share batches of {batch_size} images; choose a multiple with --batch-size"
        )
    most = min(_MOST_SHARES, *map(len, own.values()))
    shares = max(n for n in range(1, most + 1) if batch_size % (n * len(own)) == 0)
    return [name for names in own.values() for name in names[:shares]]


def _connect(devices: int) -> None:
    """Have several processes open all connections that training needs.

    gloo waits half a minute for the other end of a new connection, and half an hour for what comes through it. Without
    this, a process would give up that compiles a step so much sooner than another one.
    """
    import jax
    from jax.experimental.multihost_utils import process_allgather

    process_allgather(np.zeros(1, np.float32))
    for shares in range(2, devices + 1):
        if devices % shares == 0:
            total = jax.jit(lambda values: shard_batch(values).sum())(np.ones(shares, np.float32))
            total.block_until_ready()


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


def whole(outputs: Any) -> Any:
    """Let each process have the outputs of the whole batch, not only those of its share; called within a compiled step.

    Args:
        outputs: A tree of JAX arrays.
    """
    import jax

    distribution = keras.distribution.distribution()
    if distribution is None or distribution.num_processes == 1:
        return outputs
    everywhere = jax.sharding.NamedSharding(distribution.device_mesh.backend_mesh, jax.sharding.PartitionSpec())
    return jax.tree.map(lambda array: jax.lax.with_sharding_constraint(array, everywhere), outputs)
