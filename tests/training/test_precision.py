"""The precision `auto`, on the CPU and on GPUs as each backend describes them."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from fer_zoo.backend import BACKENDS

GPUS = {"Hopper": (9, 0), "Ampere": (8, 0), "Turing": (7, 5), "AMD": None}


def on_cpus() -> dict[bool | None, str]:
    """`auto` on a CPU with bfloat16 instructions, without, and one that is not known."""
    from fer_zoo.training import precision

    found = {}
    for fast in (True, False, None):
        with patch.object(precision, "has_fast_bfloat16", return_value=fast):
            found[fast] = precision.fastest_precision()
    return found


def on_gpus() -> dict[str, str]:
    """`auto` on each GPU, on a CPU without bfloat16 instructions."""
    import keras

    from fer_zoo.training import precision

    backend = keras.backend.backend()
    found = {}
    for name, capability in GPUS.items():
        with ExitStack() as stack:
            stack.enter_context(patch.object(precision, "has_fast_bfloat16", return_value=False))
            if backend == "jax":
                import jax

                text = "gfx942" if capability is None else ".".join(map(str, capability))
                gpu = SimpleNamespace(platform="gpu", compute_capability=text)
                stack.enter_context(patch.object(jax, "default_backend", return_value="gpu"))
                stack.enter_context(patch.object(jax, "devices", return_value=[gpu]))
            elif backend == "tensorflow":
                import tensorflow as tf

                details = {} if capability is None else {"compute_capability": capability}
                stack.enter_context(patch.object(tf.config, "get_visible_devices", return_value=["GPU:0"]))
                stack.enter_context(
                    patch.object(tf.config.experimental, "get_device_details", return_value=details),
                )
            else:
                import torch

                tensor = SimpleNamespace(device=SimpleNamespace(type="mps" if capability is None else "cuda"))
                recent = capability is not None and capability >= (8, 0)
                stack.enter_context(patch.object(keras.ops, "zeros", return_value=tensor))
                stack.enter_context(patch.object(torch.cuda, "is_bf16_supported", return_value=recent))
            found[name] = precision.fastest_precision()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_auto_is_bfloat16_where_it_pays(on_backend, backend: str) -> None:
    with_instructions = "float32" if backend == "jax" else "bfloat16"
    assert on_backend(backend, on_cpus) == {True: with_instructions, False: "float32", None: "float32"}
    expected = {"Hopper": "bfloat16", "Ampere": "bfloat16", "Turing": "float32", "AMD": "float32"}
    assert on_backend(backend, on_gpus) == expected
