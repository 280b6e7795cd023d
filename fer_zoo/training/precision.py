"""The number format in which training steps are fastest: of the CPU, or of the GPU or TPU that the backend takes."""

from __future__ import annotations

import keras

from fer_zoo.cpu import has_fast_bfloat16

# From Ampere on, NVIDIA's GPUs multiply bfloat16 in hardware.
_BFLOAT16_CAPABILITY = (8, 0)


def fastest_precision() -> str:
    """`bfloat16` if the device that Keras computes on multiplies it in hardware and is faster with it, else `float32`.

    JAX on a CPU is not: XLA's convolutions are no faster there in bfloat16, and our Winograd convolutions compute in
    float32.
    """
    if keras.backend.backend() == "jax" and not uses_accelerator():
        return "float32"
    return "bfloat16" if multiplies_bfloat16() else "float32"


def uses_accelerator() -> bool:
    """Whether Keras computes on a GPU or TPU. On JAX, this starts it: the number of its CPU devices is fixed then."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.default_backend() != "cpu"
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.get_visible_devices("GPU"))
    return keras.ops.zeros(()).device.type != "cpu"


def multiplies_bfloat16() -> bool | None:
    """Whether the device that Keras computes on multiplies bfloat16 in hardware; `None` if that is unknown."""
    if not uses_accelerator():
        return has_fast_bfloat16()
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return device.platform == "tpu" or _is_recent(getattr(device, "compute_capability", None))
    if backend == "tensorflow":
        import tensorflow as tf

        details = tf.config.experimental.get_device_details(tf.config.get_visible_devices("GPU")[0])
        return _is_recent(details.get("compute_capability"))
    import torch

    cuda = keras.ops.zeros(()).device.type == "cuda"
    return torch.cuda.is_bf16_supported(including_emulation=False) if cuda else None


def _is_recent(capability: str | tuple[int, int] | None) -> bool | None:
    """Whether NVIDIA's compute capability, `"8.0"` or `(8, 0)`, includes bfloat16; `None` if it is none of NVIDIA's."""
    if isinstance(capability, str):
        major, _, minor = capability.partition(".")
        capability = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
    return None if capability is None else capability >= _BFLOAT16_CAPABILITY
