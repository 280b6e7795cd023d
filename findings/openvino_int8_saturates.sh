#!/usr/bin/env bash
# OpenVINO computes int8 convolutions on a CPU without VNNI (here: told to use no more than AVX-512 Core, as on Skylake)
# in 16 bits: products of neighbouring weights and activations are added in pairs, and a sum above 32,767 is cut off,
# with no word. A valid QDQ file of ONNX then gives other answers than on the same CPU with VNNI, and than ONNX Runtime.
# Weights that stay within 7 bits are right everywhere. Needs a CPU with AVX-512 and VNNI.
# Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q openvino==2026.4.1 onnx==1.19.1 onnxruntime==1.30.0 numpy==2.4.6
cat > "$folder/saturates.py" <<'PYTHON'
import sys

import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper, save


def model(weight: int) -> str:
    """A convolution of 16 channels, all weights and activations alike, quantized to 8 bits."""
    arrays = {
        "scale": np.float32(1),
        "zero": np.uint8(0),
        "weights": np.full((16, 16, 3, 3), weight, np.int8),
        "weight_scale": np.full(16, 1 / 128, np.float32),
        "weight_zero": np.zeros(16, np.int8),
        "result_scale": np.float32(1000),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["weights", "weight_scale", "weight_zero"], ["w"], axis=0),
        helper.make_node("Conv", ["d", "w"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("QuantizeLinear", ["c", "result_scale", "zero"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "result_scale", "zero"], ["found"]),
    ]
    graph = helper.make_graph(
        nodes,
        "conv",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 16, 8, 8])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 16, 6, 6])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    path = f"conv{weight}.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


image = np.full((1, 16, 8, 8), 255, np.float32)
for weight in (127, 63):
    path = model(weight)
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(image)[0].ravel()[0]
    right = onnxruntime.InferenceSession(path).run(None, {"image": image})[0].ravel()[0]
    print(f"OpenVINO {openvino.__version__[:8]}, {sys.argv[1]}: weights of {weight}: {found:.0f}, ONNX Runtime {right:.0f}")
    np.save(f"{sys.argv[1]}-{weight}.npy", [found, right])
PYTHON
cd "$folder"
ONEDNN_MAX_CPU_ISA=AVX512_CORE venv/bin/python saturates.py without-VNNI
venv/bin/python saturates.py with-VNNI
venv/bin/python - <<'PYTHON'
import numpy as np

differs = {n: bool(np.ptp(np.load(f"{n}.npy")) > 1) for n in ("without-VNNI-127", "without-VNNI-63", "with-VNNI-127")}
print("differs from ONNX Runtime:", differs)
raise SystemExit(differs != {"without-VNNI-127": True, "without-VNNI-63": False, "with-VNNI-127": False})
PYTHON
