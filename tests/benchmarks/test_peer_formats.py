from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")

from make_peers import expected, write_graph_model, write_hdf5

from benchmarks.peers import keras_hdf5, tfjs
from benchmarks.peers.catalogue import PEERS, find_peers
from benchmarks.peers.network import count_macs, count_params
from benchmarks.peers.peer_classifier import PeerClassifier, converted, prepare
from benchmarks.peers.tflite import with_float_weights
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError, UsageError


def run(model, images: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.astype(np.float32)})[0]


def test_old_keras_file_without_keras(tmp_path):
    weights = write_hdf5(tmp_path / "old.hdf5", size=16)
    model = keras_hdf5.to_onnx(tmp_path / "old.hdf5")
    images = np.random.default_rng(1).normal(0, 1, (3, 16, 16, 1))
    np.testing.assert_allclose(run(model, images), expected(weights, images), atol=1e-6)
    assert count_params(model) == 9 + 7 + 4 * 7
    assert count_macs(model) == 16 * 16 * (9 + 7)


def test_unknown_layer_and_damaged_file_are_one_sentence(tmp_path):
    write_hdf5(tmp_path / "other.hdf5", layer="LSTM")
    with pytest.raises(FerZooError, match="separable of the kind LSTM"):
        keras_hdf5.to_onnx(tmp_path / "other.hdf5")
    (tmp_path / "damaged.hdf5").write_bytes(b"no HDF5")
    with pytest.raises(FerZooError, match="damaged"):
        keras_hdf5.to_onnx(tmp_path / "damaged.hdf5")


def test_tfjs_weights_are_dequantized(tmp_path):
    (tmp_path / "a.bin").write_bytes(np.array([0, 10, 255], np.uint8).tobytes() + np.float32([7]).tobytes()[:2])
    (tmp_path / "b.bin").write_bytes(np.float32([7]).tobytes()[2:])
    quantized = {
        "name": "q",
        "shape": [3],
        "dtype": "float32",
        "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1},
    }
    group = {"paths": ["a.bin", "b.bin"], "weights": [quantized, {"name": "f", "shape": [1], "dtype": "float32"}]}
    found = tfjs.read_weights([group], tmp_path)
    assert found["q"].tolist() == [-1, 4, 126.5]
    assert found["q"].dtype == np.float32
    assert found["f"].tolist() == [7], "a weight may go on in the next file"
    for name, match in (("a.bin", "shorter"), ("b.bin", "lacks b.bin")):
        (tmp_path / name).unlink() if name == "b.bin" else (tmp_path / name).write_bytes(b"\0")
        with pytest.raises(FerZooError, match=match):
            tfjs.read_weights([group], tmp_path)


def test_graph_model(tmp_path):
    rng = np.random.default_rng(0)
    weights = {
        "kernel": rng.normal(0, 1, (1, 1, 1, 7)).astype(np.float32),
        "bias": rng.normal(0, 1, 7).astype(np.float32),
    }
    weights["axes"] = np.array([1, 2], np.int32)
    write_graph_model(tmp_path / "model.json", weights)
    images = rng.normal(0, 1, (2, 8, 8, 1))
    rectified = np.maximum(images[:, ::2, ::2] * weights["kernel"][0, 0, 0] + weights["bias"], 0)
    powers = np.exp(rectified.mean(axis=(1, 2)))
    found = run(tfjs.graph_model_to_onnx(tmp_path / "model.json"), images)
    np.testing.assert_allclose(found, powers / powers.sum(1, keepdims=True), atol=1e-6)
    write_graph_model(tmp_path / "model.json", weights, relu="Elu")
    with pytest.raises(FerZooError, match="Elu"):
        tfjs.graph_model_to_onnx(tmp_path / "model.json")


def test_hybrid_weights_declared_as_uint8_are_int8():
    import onnx

    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    arrays = {
        "kernel": np.array([[1], [254]], np.uint8),
        "scale": np.float32(0.5),
        "zero": np.array(0, np.uint8),
        "shape": np.array([1, 2]),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["kernel", "scale", "zero"], ["weight"]),
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(name, float32, shape) for name, shape in (("x", [1, 1, 2]), ("y", [1, 1]))]
    constants = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    graph = helper.make_graph(nodes, "hybrid", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found = run(with_float_weights(onnx, model), np.array([[[1.0, 0]], [[0, 1]], [[2, 2]]]))
    assert found.ravel().tolist() == [0.5, -1.0, -1.0], "254 is -2, and the batch is free"


def test_faces_are_prepared_as_users_code_does():
    peer = next(peer for peer in PEERS if peer.kind == "face_api")
    images = np.zeros((2, 48, 48), np.uint8)
    images[1] = 255
    found = prepare(peer, images)
    assert found.shape == (2, 112, 112, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 5, 5], -np.array(peer.mean) / 255, rtol=1e-5)
    np.testing.assert_allclose(found[1, 50, 50], (255 - np.array(peer.mean)) / 255, rtol=1e-5)
    ramp = np.tile(np.arange(48, dtype=np.uint8), (1, 48, 1))
    row = prepare(PEERS[0], ramp)[0, 0, :, 0] * 127.5 + 127.5
    np.testing.assert_allclose(row[:3], [0, 0.625, 1.375], atol=1e-4, err_msg="half-pixel centres, edges repeated")


def test_missing_peers(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        find_peers(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="none of the files"):
        find_peers(tmp_path)
    write_hdf5(tmp_path / PEERS[0].path)
    found, missing = find_peers(tmp_path)
    assert found == [PEERS[0]]
    assert len(missing) == len(PEERS) - 1


def test_published_models_score_as_published(shared):
    """One image in 80 of the 7,178; on all of them mini_XCEPTION scores 65.46 % and big_XCEPTION 66.08 %."""
    test = load_dataset().subset("test")
    images, labels = test.images[::80], np.asarray(test.labels[::80])
    found, _ = find_peers(shared / "peers")
    answers = {
        peer.name: PeerClassifier(peer, converted(peer, shared / "peers"), 1).predict_proba(images)
        for peer in found
        if peer.kind != "tflite"  # Its conversion imports TensorFlow.
    }
    accuracy = {name: float((values.argmax(1) == labels).mean()) for name, values in answers.items()}
    assert all(0.5 < value < 0.75 for value in accuracy.values()), accuracy
    same = answers["big_XCEPTION (oarriaga)"], answers["emotion (human)"]
    np.testing.assert_allclose(*same, atol=1e-5, err_msg="human's model is big_XCEPTION")
    assert answers["face_expression (face-api)"].shape == (len(images), len(EXPRESSIONS))
