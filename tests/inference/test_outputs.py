"""What a model gives is checked: labels, shapes and types once, probabilities at every call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import FerZooError
from fer_zoo.inference import load_classifier

FACES = np.random.default_rng(0).integers(0, 256, (16, 48, 48), dtype=np.uint8)


def _model(path: Path, nodes: list[Any], output: tuple[int, list[Any]], labels: str | None = None) -> Path:
    """A model of `image` to `y`; its nodes can read the constants `row`, `weights` and `large`."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 48, 48, 1])
    constants = [
        helper.make_tensor("row", TensorProto.FLOAT, [1, 7], [1 / 7] * 7),
        helper.make_tensor("weights", TensorProto.FLOAT, [1, 7], [0.1, 0.2, 0.3, 0.7, 0.4, 0.5, 0.6]),
        helper.make_tensor("large", TensorProto.FLOAT, [1], [1e30]),
    ]
    graph = helper.make_graph(nodes, "g", [image], [helper.make_tensor_value_info("y", *output)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if labels is not None:
        helper.set_model_props(model, {"labels": labels})
    onnx.save(model, path)
    return path


def _scores(*last: Any) -> list[Any]:
    """Seven scores of each image, `scores`, and what follows them."""
    mean = helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0)
    flat = helper.make_node("Unsqueeze", ["mean", "one"], ["column"])
    one = helper.make_node("Constant", [], ["one"], value_ints=[1])
    return [mean, one, flat, helper.make_node("MatMul", ["column", "weights"], ["scores"]), *last]


def _node(operation: str, *inputs: str, **attributes: Any) -> Any:
    return helper.make_node(operation, list(inputs), ["y"], **attributes)


_FLOAT = (TensorProto.FLOAT, ["n", 7])
_SOFTMAX = _scores(_node("Softmax", "scores"))


def test_a_softmax_is_accepted(tmp_path: Path) -> None:
    classifier = load_classifier(_model(tmp_path / "m.onnx", _SOFTMAX, _FLOAT, json.dumps(list("abcdefg"))))
    assert classifier.labels == tuple("abcdefg")
    probabilities = classifier.predict_proba(FACES)
    assert probabilities.shape == (16, 7)
    assert (probabilities.argmax(axis=1) == 3).all()


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (_scores(_node("Identity", "scores")), "gives logits or other scores, not probabilities .* with a softmax"),
        (_scores(_node("Sigmoid", "scores")), "a first row that sums to .*; export it with a softmax"),
        ([_node("Identity", "row")], r"gave an output of shape \[1, 7\], not \[16, 7\]"),
        (_scores(helper.make_node("Neg", ["scores"], ["a"]), _node("Log", "a")), "values that are not numbers"),
        (_scores(helper.make_node("Mul", ["scores", "large"], ["a"]), _node("Mul", "a", "large")), "not numbers"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_probabilities_is_one_sentence(tmp_path: Path, nodes: list[Any], words: str) -> None:
    classifier = load_classifier(_model(tmp_path / "m.onnx", nodes, _FLOAT))
    assert classifier.labels == EXPRESSIONS
    with pytest.raises(FerZooError, match=words) as caught:
        classifier.predict_proba(FACES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "output", "words"),
    [
        (_scores(_node("Cast", "scores", to=TensorProto.STRING)), (TensorProto.STRING, ["n", 7]), "not tensor.string"),
        (_scores(_node("ArgMax", "scores", axis=1)), (TensorProto.INT64, ["n", 1]), "float32 probabilities, not"),
        (_scores(_node("Cast", "scores", to=TensorProto.FLOAT16)), (TensorProto.FLOAT16, ["n", 7]), "not tensor.float"),
        (_scores(_node("Unsqueeze", "scores", "one")), (TensorProto.FLOAT, ["n", 1, 7]), r"shape \[\*, 1, 7\]"),
        (_scores(_node("Flatten", "scores", axis=0)), (TensorProto.FLOAT, [1, "m"]), r"shape \[1, \*\]"),
    ],
)  # fmt: skip
def test_an_output_of_another_kind_is_refused_on_load(
    tmp_path: Path, nodes: list[Any], output: tuple[int, list[Any]], words: str
) -> None:
    with pytest.raises(FerZooError, match=words):
        load_classifier(_model(tmp_path / "m.onnx", nodes, output))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ('{"angry": 0}', "the labels must be a list of non-empty strings"),
        ("7", "must be a list"),
        ("happy, sad", "must be a list"),
        ("[" * 100_000, "must be a list"),
        ("[]", "must be a list"),
        ('["a", "b", "c", "d", "e", "f", 7]', "must be a list of non-empty strings"),
        ('["a", "b", "c", "d", "e", "f", ""]', "must be a list of non-empty strings"),
        ('["a", "b", "c", "d", "e", "f", "\\u001b[2J"]', "the labels must be printable"),
        ('["a", "b", "c", "d", "e", "f", "a"]', "two labels are the same"),
        ('["a", "b"]', r"gives an output of shape \[\*, 7\], not \[\*, 2\]"),
    ],
)
def test_labels_that_do_not_fit_are_refused_on_load(tmp_path: Path, labels: str, words: str) -> None:
    with pytest.raises(FerZooError, match=words) as caught:
        load_classifier(_model(tmp_path / "m.onnx", _SOFTMAX, _FLOAT, labels))
    assert "\n" not in str(caught.value)
