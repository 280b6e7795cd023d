"""ExecuTorch, by torch's exported program and XNNPACK."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.console import native_messages_dropped
from fer_zoo.contract import IMAGE_SIZE

from .target import Predict, Source, Target

if TYPE_CHECKING:
    import torch

_FILE = "model.pte"


def write(source: Source, folder: Path) -> None:
    """Write `model.pte`, whose method `forward` takes one image."""
    from ..convert import quiet, torch_module

    with quiet():
        import torch
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower
        from executorch.exir.passes.constant_prop_pass import constant_prop_pass

        image = torch.zeros(1, IMAGE_SIZE, IMAGE_SIZE, 1)
        with torch.no_grad():
            program = torch.export.export(torch_module(source.model), (image,), strict=False)
        # Keras copies what convolutions take into the order NHWC. Of a copy of one channel, ExecuTorch 1.5 expects two
        # orders at once, one told from its strides, which are ambiguous; each call then ends with error 0x12.
        _drop(program, torch.ops.aten.contiguous.default)
        program = program.run_decompositions({})
        _drop(program, torch.ops.aten._assert_tensor_metadata.default)
        # Keras also transposes each kernel in each call, and XNNPACK takes only convolutions of constant kernels.
        program = constant_prop_pass(program)
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        (folder / _FILE).write_bytes(lowered.to_executorch().buffer)


def _drop(program: torch.export.ExportedProgram, operation: torch._ops.OpOverload) -> None:
    """Remove the calls of an operation that gives its argument, or nothing."""
    graph = program.graph_module.graph
    for node in graph.find_nodes(op="call_function", target=operation):
        if node.users:
            node.replace_all_uses_with(node.args[0])
        graph.erase_node(node)


def load(folder: Path) -> Predict:
    from ..convert import quiet

    with quiet():
        import torch
        from executorch.runtime import Runtime

        forward = Runtime.get().load_program(folder / _FILE).load_method("forward")
    assert forward is not None

    def predict(images: np.ndarray) -> np.ndarray:
        with native_messages_dropped():
            return np.concatenate([forward.execute([torch.tensor(image[None])])[0].numpy() for image in images])

    return predict


TARGET = Target(
    name="executorch",
    title="ExecuTorch",
    packages=("executorch",),
    install="executorch",
    precisions=("fp32",),
    converter="torch",
    file=_FILE,
    input={"name": "image", "shape": [1, 48, 48, 1], "dtype": "float32", "range": [0, 255], "layout": "NHWC"},
    write=write,
    load=load,
)
