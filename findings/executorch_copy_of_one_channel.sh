#!/usr/bin/env bash
# ExecuTorch writes a copy of an image of one channel into the order NHWC with one order of axes (0, 2, 3, 1), and its
# result, whose order it tells from the strides, with another one (0, 2, 1, 3), since two strides are 1. The program is
# exported and loaded without a word, and then each call ends with error 0x12, "out_dim_order[i] == dim_order_ref[i]".
# With three channels it answers. Keras on torch makes such copies around each convolution.
# Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q executorch==1.5.1 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime


class Copy(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.clone(memory_format=torch.channels_last)


def answer(channels: int) -> str:
    image = torch.rand(2, channels, 6, 6)
    program = torch.export.export(Copy(), (image,))
    lowered = to_edge_transform_and_lower(program)
    try:
        (found,) = Runtime.get().load_program(lowered.to_executorch().buffer).load_method("forward").execute([image])
    except RuntimeError as error:
        return str(error)
    return "equal" if torch.equal(found, image) else "other numbers"


seen = {f"{channels} channels": answer(channels) for channels in (3, 1)}
print("ExecuTorch's answer:", seen)
raise SystemExit(seen != {"3 channels": "equal", "1 channels": "method->execute() failed with error 0x12"})
PYTHON
