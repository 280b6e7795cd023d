#!/usr/bin/env bash
# pnnx converts an ONNX Pad that leaves out its attribute `mode` (whose default is "constant") with exit code 0 to a file
# that ncnn refuses: "layer Pad not exists". With mode="constant" written out the Pad becomes part of the convolution and
# ncnn computes what ONNX says. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ncnn==1.0.20261020 pnnx==20261020 onnx==1.19.1 onnxruntime==1.23.2 numpy==2.3.4
cat > "$folder/pad.py" <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import ncnn
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print(*(f"{name} {version(name)}" for name in ("ncnn", "pnnx", "onnx")))


def padded_convolution(**mode: str) -> onnx.ModelProto:
    """x [1, 1, 8, 8], padded by one with 0.5, through a 3x3 convolution."""
    constants = {
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "value": np.float32(0.5),
        "w": np.random.default_rng(0).normal(size=(4, 1, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Pad", ["x", "pads", "value"], ["padded"], **mode),
        helper.make_node("Conv", ["padded", "w"], ["y"], kernel_shape=[3, 3]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 8, 8])
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "pad", [x], [y], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


image = np.random.default_rng(1).normal(size=(1, 1, 8, 8)).astype(np.float32)
loaded = {}
for name, mode in (("mode left out", {}), ("mode written out", {"mode": "constant"})):
    folder = Path(sys.argv[1]) / name.replace(" ", "-")
    folder.mkdir()
    onnx.save(padded_convolution(**mode), folder / "m.onnx")
    session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": image})[0]
    converter = Path(sys.executable).with_name("pnnx")
    code = subprocess.run([converter, "m.onnx"], cwd=folder, capture_output=True).returncode
    network = ncnn.Net()
    loaded[name] = network.load_param(str(folder / "m.ncnn.param")) == 0
    print(f"{name}: pnnx exits with {code}, ncnn {'loads' if loaded[name] else 'refuses'} its file")
    assert code == 0
    if loaded[name]:
        network.load_model(str(folder / "m.ncnn.bin"))
        extractor = network.create_extractor()
        extractor.input("in0", ncnn.Mat(image[0]))
        difference = np.abs(np.array(extractor.extract("out0")[1]) - expected[0]).max()
        print(f"largest difference from ONNX Runtime: {difference:.1e}")
        assert difference < 0.05
assert loaded == {"mode left out": False, "mode written out": True}, loaded
PYTHON
"$folder/venv/bin/python" "$folder/pad.py" "$folder"
