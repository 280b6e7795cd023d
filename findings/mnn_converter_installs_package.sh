#!/usr/bin/env bash
# MNN's converter, the program `mnnconvert` of the PyPI package, runs `pip install -U aliyun-log-python-sdk` when it starts,
# for its statistics of use: with the first pip on the PATH, which may belong to another Python than the one it runs in.
# Here a script that only writes down its arguments stands for that pip. Calling `_tools.mnnconvert` does not do so.
# Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q MNN==3.6.1 onnx==1.19.1 numpy==2.4.6
mkdir "$folder/first"
printf '#!/bin/sh\necho "pip $*" >> "%s/called.txt"\n' "$folder" > "$folder/first/pip"
chmod +x "$folder/first/pip"
cd "$folder"
venv/bin/python - <<'PYTHON'
from onnx import TensorProto, helper, save

float32 = TensorProto.FLOAT
graph = helper.make_graph(
    [helper.make_node("Relu", ["image"], ["found"])],
    "relu",
    [helper.make_tensor_value_info("image", float32, [1, 4])],
    [helper.make_tensor_value_info("found", float32, [1, 4])],
)
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "relu.onnx")
PYTHON
export PATH="$folder/first:$PATH"
venv/bin/mnnconvert -f ONNX --modelFile relu.onnx --MNNModel program.mnn --bizCode x > log.txt 2>&1
echo "MNN 3.6.1: mnnconvert wrote $(stat -c %s program.mnn) bytes and ran: $(cat called.txt)"
grep -q "pip install -U aliyun-log-python-sdk" called.txt
rm called.txt
venv/bin/python -c 'import sys, _tools; _tools.mnnconvert(sys.argv)' \
    -f ONNX --modelFile relu.onnx --MNNModel module.mnn --bizCode x > log.txt 2>&1
echo "_tools.mnnconvert wrote $(stat -c %s module.mnn) bytes and ran: $(cat called.txt 2>/dev/null || echo nothing)"
test ! -e called.txt
