"""What is rewritten for other runtimes gives the answers that it gave before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fer_zoo.zoo import artifacts_dir

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 1)).astype(np.float32)


def answers(model: Any) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": IMAGES})[0]


@pytest.mark.parametrize("name", ["baseline_cnn", "fernet_nano"])
def test_a_quantized_dense_layer_gets_its_bias_in_float_and_answers_as_before(name: str) -> None:
    onnx = pytest.importorskip("onnx")
    portable = pytest.importorskip("export.portable")
    model = onnx.load(artifacts_dir() / name / "model.int8.onnx")
    before = answers(model)
    portable.make_portable(model.graph)
    onnx.checker.check_model(model, full_check=True)
    readers = {name: node for node in model.graph.node for name in node.input}
    for node in model.graph.node:
        if node.op_type == "Gemm":
            assert len(node.input) == 2
            assert readers[node.output[0]].op_type == "Add"
    np.testing.assert_allclose(answers(model), before, atol=1e-6)
    used = {name for node in model.graph.node for name in node.input}
    assert used >= {tensor.name for tensor in model.graph.initializer}
    rewritten = model.SerializeToString()
    portable.make_portable(model.graph)
    assert model.SerializeToString() == rewritten


def test_opencv_answers_batches_of_a_quantized_file_like_onnx_runtime() -> None:
    """OpenCV 4 gave other answers from a batch of two on."""
    onnx = pytest.importorskip("onnx")
    cv2 = pytest.importorskip("cv2")
    portable = pytest.importorskip("export.portable")
    model = onnx.load(artifacts_dir() / "baseline_cnn" / "model.int8.onnx")
    portable.make_portable(model.graph)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    network.setInput(IMAGES, "image")
    np.testing.assert_allclose(network.forward(), answers(model), atol=0.03)


def test_onnx_runtime_still_multiplies_bytes_in_dense_layers(tmp_path) -> None:
    onnx = pytest.importorskip("onnx")
    import onnxruntime

    portable = pytest.importorskip("export.portable")
    model = onnx.load(artifacts_dir() / "fernet_nano" / "model.int8.onnx")
    portable.make_portable(model.graph)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}
    assert "QGemm" in kinds
    assert "Gemm" not in kinds
