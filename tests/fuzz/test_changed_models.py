"""Models of changed structure, run isolated: an answer of the right form or one sentence, and this process lives."""

from __future__ import annotations

import random
import shutil
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fuzzing import FACTOR, answer

from fer_zoo.errors import FerZooError
from fer_zoo.inference import isolation, load_classifier
from fer_zoo.zoo import artifacts_dir

FACES = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
# What befell the model's own process.
_ENDS = ("ended its process", "took more than", "more than 2 GiB")
_NUMBERS = (-(2**31), -1, 0, 1, 2, 3, 7, 255, 2**16, 2**31 - 1)


def _changed_onnx(path: Path, chance: random.Random) -> bytes:
    """With some of its nodes, attributes, names and constants' shapes changed."""
    model = onnx.load(path)
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)] + [i.name for i in graph.initializer]
    for _ in range(chance.choice((1, 1, 3))):
        node = chance.choice(graph.node)
        attributes = [attribute for node in graph.node for attribute in node.attribute]
        way = chance.randrange(7)
        if way == 0:
            graph.node.remove(node)
        elif way == 1:
            graph.node.insert(chance.randrange(len(graph.node)), node)
        elif way == 2 and node.input:
            node.input[chance.randrange(len(node.input))] = chance.choice(names)
        elif way == 3:
            node.op_type = chance.choice(graph.node).op_type
        elif way == 4 and attributes:
            attribute = chance.choice(attributes)
            attribute.i = chance.choice(_NUMBERS)
            if attribute.ints:
                attribute.ints[chance.randrange(len(attribute.ints))] = chance.choice(_NUMBERS)
        elif way == 5:
            tensor = chance.choice(graph.initializer)
            if tensor.dims:
                tensor.dims[chance.randrange(len(tensor.dims))] = abs(chance.choice(_NUMBERS))
        else:
            chance.choice(graph.initializer).data_type = chance.randrange(1, 20)
    return model.SerializeToString()


def _changed_tflite(path: Path, chance: random.Random) -> bytes:
    """With some of the numbers in its tables of tensors and operators changed."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    (graph,) = model.subgraphs
    for _ in range(chance.choice((1, 1, 3))):
        holder = chance.choice(
            [
                chance.choice(graph.tensors),
                chance.choice(graph.operators),
                chance.choice(graph.operators).builtinOptions,
                chance.choice(model.operatorCodes),
                graph,
            ]
        )
        numbers = [name for name, value in vars(holder or ()).items() if _numeric(value)] if holder else []
        if not numbers:
            continue
        name = chance.choice(numbers)
        value = getattr(holder, name)
        if isinstance(value, int):
            setattr(holder, name, chance.choice(_NUMBERS) if abs(value) > 255 else chance.randrange(20))
        elif len(value):
            value = np.array(value)
            value[chance.randrange(len(value))] = chance.choice((*_NUMBERS, *range(10)))
            setattr(holder, name, value)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _numeric(value: Any) -> bool:
    return (type(value) is int) or (isinstance(value, np.ndarray) and value.dtype.kind == "i" and value.ndim == 1)


def _changed(form: str, count: int) -> Iterator[bytes]:
    """Changed files of fernet_nano; what the writer of the format refuses is left out."""
    chance = random.Random(f"changed {form}")
    change = _changed_onnx if form == "onnx" else _changed_tflite
    made = 0
    while made < count:
        path = artifacts_dir() / "fernet_nano" / chance.choice((f"model.{form}", f"model.int8.{form}"))
        try:
            content = change(path, chance)
        except (ValueError, OverflowError, TypeError, struct.error):
            continue
        if content != path.read_bytes():
            made += 1
            yield content


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_changed_models(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "CALL_SECONDS", 20.0)
    path = tmp_path / f"changed.{form}"

    def probabilities() -> np.ndarray:
        with load_classifier(path, isolated=True) as classifier:
            return classifier.predict_proba(FACES)

    found: Counter[str] = Counter()
    for content in _changed(form, round(6 * FACTOR)):
        path.write_bytes(content)
        result = answer(probabilities)
        if isinstance(result, str):
            found[next((words for words in _ENDS if words in result), "refused")] += 1
        else:
            np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-2)
            found["answered"] += 1
    print(form, dict(found))  # Seen with -s.
    assert found["refused"]


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_changed_models_of_the_zoo_answer_nothing(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(artifacts_dir() / "manifest.json", tmp_path / "manifest.json")
    (tmp_path / "fernet_nano").mkdir()
    path = tmp_path / "fernet_nano" / f"model.{form}"
    changed = list(_changed(form, round(6 * FACTOR)))
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    for content in changed:
        path.write_bytes(content)
        for model in (path, f"fernet_nano:{form}:fp32"):
            with pytest.raises(FerZooError, match="is not the file that the manifest describes"):
                load_classifier(model)
