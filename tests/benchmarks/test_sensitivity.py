"""One layer rounded at a time: one scale for all channels costs where channels differ, a scale for each does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.studies.command import sensitivity_main as main
from benchmarks.studies.layer_sensitivity import measure
from fer_zoo.console import run

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A depthwise convolution whose second channel is a thousandth of the first, but counts as much."""
    depthwise = RNG.normal(size=(2, 1, 3, 3)).astype("float32")
    depthwise[1] /= 1000
    constants = {
        "spread": np.ones((2, 1, 1, 1), "float32"),
        "depthwise": depthwise,
        "even": np.array([1, 1000], "float32"),
        "dense": RNG.normal(size=(2, 7)).astype("float32") / 500,
    }
    nodes = [
        helper.make_node("Transpose", ["image"], ["channels first"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["channels first", "spread"], ["two.Conv"]),
        helper.make_node("Conv", ["two.Conv", "depthwise"], ["depthwise.Conv"], group=2),
        helper.make_node("ReduceMax", ["depthwise.Conv"], ["pooled"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["pooled", "even"], ["evened"]),
        helper.make_node("MatMul", ["evened", "dense"], ["logits.MatMul"]),
        helper.make_node("Softmax", ["logits.MatMul"], ["probabilities"], axis=1),
    ]
    made = helper.make_graph(
        nodes,
        "uneven",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, 48, 48, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 7])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path_factory.mktemp("graph") / "uneven.onnx"
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_a_small_channel_is_lost_with_one_scale_for_all(graph: Path) -> None:
    images = RNG.integers(0, 256, (32, 48, 48)).astype("uint8")
    costs = {(cost.layer, cost.rounded): cost for cost in measure(graph, images, np.zeros(32, int), images)}
    one_scale, many_scales = costs["depthwise.Conv", "per tensor"], costs["depthwise.Conv", "per channel"]
    assert one_scale.operation == "depthwise Conv"
    assert one_scale.kl > 100 * many_scales.kl
    assert costs["two.Conv", "activations"].kl == 0
    assert costs["depthwise.Conv", "activations"].kl == 0
    assert costs["logits.MatMul", "activations"].kl > 0
    assert costs["all", "per tensor"].kl == pytest.approx(one_scale.kl, rel=0.2)


def test_command(graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(main, [str(graph), "--images", "16", "--output", str(tmp_path)]) == 0
    page = (tmp_path / "sensitivity-uneven.md").read_text()
    assert "**depthwise.Conv** (depthwise Conv, per tensor)" in page
    assert (tmp_path / "sensitivity-uneven.png").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((tmp_path / "sensitivity-uneven.json").read_text())["costs"]) == 12
    assert "Of the layers rounded alone, depthwise.Conv" in capsys.readouterr().out


def test_unknown_models_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(main, ["nothing", "--output", str(tmp_path)]) == 2
    assert "there is no model 'nothing'" in capsys.readouterr().err
    assert run(main, ["missing.onnx", "--output", str(tmp_path)]) == 2
