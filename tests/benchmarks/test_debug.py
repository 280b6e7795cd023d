from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.studies.command import debug_main as main
from benchmarks.studies.graph_tensors import Tensor, tensors_of
from benchmarks.studies.tensor_noise import pair_tensors, snr_db
from fer_zoo.console import run
from fer_zoo.errors import FerZooError

RNG = np.random.default_rng(0)


def tensor(name: str, values: np.ndarray) -> Tensor:
    return Tensor(name, "Conv", values.astype("float32"))


def test_signal_over_difference():
    signal = RNG.normal(size=100_000)
    noise = RNG.normal(size=100_000)
    assert snr_db(signal, signal + 0.01 * noise) == pytest.approx(40, abs=0.1)
    assert snr_db(signal, signal) == 120


def test_tensors_are_paired_by_their_values_and_the_departure_is_found():
    a, b, c, d = (RNG.normal(size=(8, 4, 4, 3)) for _ in range(4))
    end = RNG.normal(size=(8, 7))
    full = [tensor("a", a), tensor("b", b), tensor("c", c), tensor("end", end)]
    noisy = b + 0.3 * RNG.normal(size=b.shape)
    # Renamed, another one between, and channels scaled as equalization does.
    other = [tensor("0", a * [2, 3, 4]), tensor("1", d), tensor("2", noisy), tensor("3", c), tensor("4", end)]
    pairs = pair_tensors(full, other)
    assert [(pair.name, pair.quantized_name) for pair in pairs] == [("a", "0"), ("b", "2"), ("c", "3"), ("end", "4")]
    assert max(pairs, key=lambda pair: pair.added).name == "b"
    assert pairs[1].snr_db == pytest.approx(10, abs=1)
    assert pairs[1].cosine == pytest.approx(0.957, abs=0.01)
    assert pairs[0].snr_db > 100


def test_nothing_in_common():
    with pytest.raises(FerZooError, match="no tensor in common"):
        pair_tensors([tensor("a", np.ones((2, 3)))], [tensor("b", np.ones((2, 4)))])


def test_command_on_onnx(zoo, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(zoo.artifacts))
    common = ["--data", str(zoo.data), "--images", "4"]
    assert run(main, ["linear:onnx:int8", *common]) == 0
    (path,) = zoo.reports.glob("debug-*.json")
    pairs = json.loads(path.read_text())["pairs"]
    assert [pair["operation"] for pair in pairs][-2:] == ["MatMul", "Softmax"]
    assert all(pair["snr_db"] > 30 for pair in pairs)
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "Most noise is added at **probabilities**" in path.with_suffix(".md").read_text()
    assert "Most noise is added at probabilities" in capsys.readouterr().out
    assert run(main, ["nothing:onnx", *common]) == 2
    assert "there is no model 'nothing'" in capsys.readouterr().err
    assert run(main, [str(zoo.artifacts / "linear/model.keras"), "--against", str(path), *common]) == 2


def test_quantized_tensors_are_the_numbers_they_stand_for(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    scale, zero = (
        onnx.numpy_helper.from_array(np.array(value), name)
        for value, name in ((np.float32(0.5), "scale"), (np.uint8(10), "zero"))
    )
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("QuantizeLinear", ["flat", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("Relu", ["d"], ["out"]),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", kind, ["batch", 2, 2, 1])],
        [helper.make_tensor_value_info("out", kind, ["batch", 4])],
        [scale, zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "q.onnx")
    images = np.array([-9, 1.2, 3.3, 500], "float32").reshape(1, 2, 2, 1)
    found = tensors_of(tmp_path / "q.onnx", images)
    assert [(t.name, t.operation) for t in found] == [("d", "Flatten"), ("out", "Relu")]
    np.testing.assert_allclose(found[0].values, [[-5, 1, 3.5, 122.5]])
