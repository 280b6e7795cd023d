#!/usr/bin/env bash
# MNN 3.6.1 answers wrongly on x86, without an error, for an int8 MAX_POOL_2D in a TFLite file: it keeps the tensor as
# uint8, each value 128 larger than in the file, and compares these bytes as signed ones (MNNMaxPoolInt8_ of its x86
# code), so that every negative value of the file counts as larger than any other. It is right only where all values of
# a window have the same sign. The convolution in front of it is right. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q MNN==3.6.1 ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6
cat > "$folder/pool.py" <<'PYTHON'
import subprocess
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from MNN import expr, nn

SIZE, CHANNELS, STEP = 8, 16, 0.05
SHAPES = {False: [1, SIZE, SIZE, CHANNELS], True: [1, SIZE // 2, SIZE // 2, CHANNELS]}


def network(pooled: bool) -> bytes:
    """A TFLite file: float x, quantized, a 1x1 identity convolution, 2x2 pooling if `pooled`, dequantized y."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.operatorCodes, model.buffers, model.subgraphs = 3, [], [schema.BufferT()], [graph]
    graph.tensors, graph.operators = [], []

    def tensor(name, shape, kind, scales=None, data=None):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, shape, kind, 0
        if scales is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.array(scales, np.float32)
            made.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        if data is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = data.ravel().view(np.uint8)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(name, version, inputs, output, options, **values):
        code, made = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = version
        made.opcodeIndex, made.inputs, made.outputs = len(model.operatorCodes), inputs, [output]
        made.builtinOptionsType = getattr(schema.BuiltinOptions, options)
        made.builtinOptions = getattr(schema, options + "T")()
        vars(made.builtinOptions).update(values)
        model.operatorCodes.append(code)
        graph.operators.append(made)
        return output

    float32, int8, int32 = schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.INT32
    weights = (127 * np.eye(CHANNELS)).astype(np.int8)
    one = [1 / 127] * CHANNELS
    w = tensor("w", [CHANNELS, 1, 1, CHANNELS], int8, one, weights)
    b = tensor("b", [CHANNELS], int32, [STEP / 127] * CHANNELS, np.zeros(CHANNELS, np.int32))
    x = tensor("x", SHAPES[False], float32)
    last = operator("QUANTIZE", 1, [x], tensor("q", SHAPES[False], int8, [STEP]), "QuantizeOptions")
    last = operator(
        "CONV_2D", 3, [last, w, b], tensor("c", SHAPES[False], int8, [STEP]), "Conv2DOptions", strideW=1, strideH=1
    )
    if pooled:
        pool = {"strideW": 2, "strideH": 2, "filterWidth": 2, "filterHeight": 2, "padding": schema.Padding.VALID}
        last = operator("MAX_POOL_2D", 2, [last], tensor("m", SHAPES[True], int8, [STEP]), "Pool2DOptions", **pool)
    y = operator("DEQUANTIZE", 2, [last], tensor("y", SHAPES[pooled], float32), "DequantizeOptions")
    graph.inputs, graph.outputs = [x], [y]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def litert(content: bytes, x: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def mnn(content: bytes, x: np.ndarray) -> np.ndarray:
    with open("model.tflite", "wb") as file:
        file.write(content)
    arguments = ["-f", "TFLITE", "--modelFile", "model.tflite", "--MNNModel", "model.mnn", "--bizCode", "x"]
    program = "import sys, _tools; _tools.mnnconvert(sys.argv)"
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True)
    module = nn.load_module_from_file("model.mnn", ["x"], ["y"], backend=expr.Backend.CPU, thread_num=1)
    outputs = module.onForward([expr.const(x, list(x.shape), expr.NHWC)])  # these own what read() gives
    return np.array(outputs[0].read())


whole = np.random.default_rng(1).integers(-127, 128, SHAPES[False])
x = (whole * STEP).astype(np.float32)
windows = whole.reshape(SIZE // 2, 2, SIZE // 2, 2, CHANNELS).transpose(0, 2, 4, 1, 3).reshape(-1, 4)
mixed = (windows.min(axis=1) < 0) & (windows.max(axis=1) >= 0)
order = (windows + 128).astype(np.uint8).view(np.int8)
chosen = np.take_along_axis(windows, order.argmax(axis=1)[:, None], 1)[:, 0]
wrong = {}
for pooled in (False, True):
    content = network(pooled)
    expected, found = litert(content, x), mnn(content, x)
    bad = np.abs(found - expected).ravel() > 1.5 * STEP
    wrong[pooled] = int(bad.sum())
    network_name = f"{'with' if pooled else 'without'} MAX_POOL_2D"
    difference = np.abs(found - expected).max()
    print(f"{network_name}: {wrong[pooled]} of {bad.size} values differ from LiteRT's, largest by {difference:.2f}")
as_described = np.abs(found.ravel() - chosen * STEP) < 1.5 * STEP
print(f"windows with both signs: {mixed.sum()}; wrong among the other {(~mixed).sum()}: {bad[~mixed].sum()}")
print(f"MNN's values that are the largest of the bytes compared as signed: {as_described.sum()} of {bad.size}")
assert wrong[False] == 0 and wrong[True] == mixed.sum() and not bad[~mixed].any() and as_described.all(), wrong
PYTHON
cd "$folder"
venv/bin/python pool.py 2> log.txt || { cat log.txt; exit 1; }
