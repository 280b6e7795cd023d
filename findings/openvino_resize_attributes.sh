#!/usr/bin/env bash
# OpenVINO 2026.4.1 reads an ONNX Resize without three of its attributes, and says nothing: `antialias=1` (plain
# sampling is computed), `exclude_outside=1` (cubic weights outside the image count), and `keep_aspect_ratio_policy`,
# whose output then has another shape than the standard's. ONNX Runtime has all three.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/openvino_resize_attributes.py" <<'PYTHON'
import io

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

print("openvino", openvino.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
x = np.tile(np.arange(8, dtype=np.float32) ** 2, (1, 1, 8, 1))
core = openvino.Core()


def resized(sizes: tuple[int, int], wanted: tuple[int, int], **attributes: object) -> list[np.ndarray]:
    """The output by ONNX Runtime and by OpenVINO; `wanted` is its size by the standard."""
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], axes=[2, 3], **attributes)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 1, *s)) for n, s in (("x", (8, 8)), ("y", wanted))]
    constants = [numpy_helper.from_array(np.array(sizes, np.int64), "sizes")]
    graph = helper.make_graph([node], "one", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    compiled = core.compile_model(core.read_model(io.BytesIO(content)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [onnxruntime.InferenceSession(content).run(None, {"x": x})[0], compiled({"x": x})[0]]


ignored = []
for size, attributes, option in (
    (4, {"mode": "linear"}, {"antialias": 1}),
    (4, {"mode": "cubic"}, {"antialias": 1}),
    (16, {"mode": "cubic"}, {"exclude_outside": 1}),
):
    reference, plain = resized((size, size), (size, size), **attributes)
    wanted, found = resized((size, size), (size, size), **attributes, **option)
    print(attributes, option, "ONNX Runtime", wanted[0, 0, 0, :4].round(2), "OpenVINO", found[0, 0, 0, :4].round(2))
    assert np.allclose(reference, plain, atol=1e-3)  # Without the option they agree.
    ignored.append(bool(np.allclose(found, plain) and np.abs(wanted - found).max() > 0.1))
for policy, size in (("not_larger", (4, 4)), ("not_smaller", (6, 6))):
    wanted, found = resized((4, 6), size, mode="nearest", keep_aspect_ratio_policy=policy)
    print(policy, "ONNX Runtime", wanted.shape, "OpenVINO", found.shape)
    ignored.append(wanted.shape == (1, 1, *size) and found.shape == (1, 1, 4, 6))
raise SystemExit(not all(ignored))
PYTHON
"$folder/venv/bin/python" "$folder/openvino_resize_attributes.py"
