#!/usr/bin/env bash
# MNN 3.6.1 answers wrongly, without an error, for a TFLite FULLY_CONNECTED with float inputs and int8 weights, which
# dynamic range quantization writes. Its converter makes a ConvInt8 of it with weight scales of 1 and nothing that
# quantizes the inputs: the scale in the file changes nothing, and the bytes of the first quarter of the float inputs
# are taken as the int8 inputs. With the same weights as float it agrees with LiteRT.
# Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q MNN==3.6.1 ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6
cat > "$folder/dense.py" <<'PYTHON'
import subprocess
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from MNN import expr, nn

INPUTS, OUTPUTS = 16, 7


def tensor(name: str, shape: list[int], buffer: int = 0) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, shape, schema.TensorType.FLOAT32, buffer
    return made


def dense(weights: np.ndarray, scale: float | None = None) -> bytes:
    """A TFLite file x [1, 16] -> y [1, 7] of one dense layer: float weights, or int8 ones with a scale."""
    buffers = [schema.BufferT(), schema.BufferT()]
    buffers[1].data = weights.ravel().view(np.uint8)
    w = tensor("w", list(weights.shape), 1)
    if scale is not None:
        w.type, w.quantization = schema.TensorType.INT8, schema.QuantizationParametersT()
        w.quantization.scale, w.quantization.zeroPoint = np.array([scale], np.float32), np.zeros(1, np.int64)
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1 if scale is None else 3
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, -1], [2]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators = [tensor("x", [1, INPUTS]), w, tensor("y", [1, OUTPUTS])], [operator]
    graph.inputs, graph.outputs = [0], [2]
    model.version, model.operatorCodes, model.buffers, model.subgraphs = 3, [code], buffers, [graph]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def litert(content: bytes, x: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    return interpreter.get_tensor(2)


def mnn(content: bytes, x: np.ndarray) -> np.ndarray:
    with open("model.tflite", "wb") as file:
        file.write(content)
    arguments = ["-f", "TFLITE", "--modelFile", "model.tflite", "--MNNModel", "model.mnn", "--bizCode", "x"]
    program = "import sys, _tools; _tools.mnnconvert(sys.argv)"
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True)
    module = nn.load_module_from_file("model.mnn", ["x"], ["y"], backend=expr.Backend.CPU, thread_num=1)
    outputs = module.onForward([expr.const(x, list(x.shape), expr.NHWC)])  # these own what read() gives
    return np.array(outputs[0].read())


random = np.random.default_rng(1)
weights = random.integers(-127, 128, (OUTPUTS, INPUTS)).astype(np.int8)
scale = np.float32(1 / 127)
x = random.uniform(0, 6, (1, INPUTS)).astype(np.float32)
other = x.copy()
other[:, INPUTS // 4 :] = random.uniform(0, 6, (1, INPUTS - INPUTS // 4))
files = {
    "float weights": dense(weights * scale),
    "int8 weights": dense(weights, scale),
    "int8 weights, scale / 10": dense(weights, scale / 10),
}
found = {}
for name, content in files.items():
    for inputs, values in (("x", x), ("x, last 12 of 16 changed", other)):
        found[name, inputs] = litert(content, values), mnn(content, values)
        for runtime, result in zip(("LiteRT", "MNN"), found[name, inputs], strict=True):
            print(f"{name:24} {inputs:24} {runtime:6}", *(f"{value:10.2f}" for value in result[0]))
for (name, inputs), (expected, result) in found.items():
    difference = np.abs(result - expected).max()
    assert difference < 1e-4 if name == "float weights" else difference > 100, (name, inputs, difference)
read = (x.view(np.uint8)[:, :INPUTS].astype(np.int32) - 128) @ weights.T.astype(np.int32)
print("weights times the first 16 bytes of x, less 128:", *read[0])
assert all((result == read).all() for (name, _), (_, result) in found.items() if name != "float weights")
PYTHON
cd "$folder"
venv/bin/python dense.py 2> log.txt || { cat log.txt; exit 1; }
