"""The exported files hold the zoo's contract, carry their facts, and are quantized as they should be."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import failures
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import load_manifest

pytestmark = pytest.mark.slow
FILES = (
    "model.onnx",
    "model.int8.onnx",
    "model.tflite",
    "model.fp16.tflite",
    "model.int8.tflite",
    "model.int8-full.tflite",
)


def faces(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 48, 48), np.uint8)


@pytest.mark.parametrize("file", FILES)
def test_contract(exported, file: str) -> None:
    classifier = load_classifier(exported.folder / file)
    assert classifier.labels == EXPRESSIONS
    assert classifier.input_shape == (None, 48, 48, 1)
    one, seven, all32 = (classifier.predict_proba(faces(32)[:count], batch_size=count) for count in (1, 7, 32))
    assert all32.dtype == np.float32
    assert all32.shape == (32, 7)
    np.testing.assert_allclose(all32.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(one, all32[:1], atol=1e-5)
    np.testing.assert_allclose(seven, all32[:7], atol=1e-5)


def test_names_of_inputs_and_outputs(exported) -> None:
    onnx = pytest.importorskip("onnx")
    for file in FILES[:2]:
        graph = onnx.load(exported.folder / file).graph
        assert [value.name for value in (*graph.input, *graph.output)] == ["image", "probabilities"]
        shapes = [
            [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.input, *graph.output)
        ]
        assert shapes == [["batch", 48, 48, 1], ["batch", 7]]
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    for file in FILES[2:]:
        model = interpreter.Interpreter(str(exported.folder / file))
        (signature,) = model.get_signature_list().values()
        assert signature == {"inputs": ["image"], "outputs": ["probabilities"]}
        tensors = model.get_input_details() + model.get_output_details()
        assert [tensor["name"] for tensor in tensors] == ["image", "probabilities"]


def test_float_graph_has_no_normalization_nor_transposes(exported) -> None:
    onnx = pytest.importorskip("onnx")
    kinds = [node.op_type for node in onnx.load(exported.folder / "model.onnx").graph.node]
    assert not {"BatchNormalization", "Transpose"} & set(kinds)
    assert kinds.count("Mul") == 1  # Of swish.
    assert kinds.count("Add") == 4  # Two shifts and two biases.


def test_onnx_int8_weights_have_a_scale_for_each_channel_and_softmax_is_float(exported) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(exported.folder / "model.int8.onnx").graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    channels = []
    weighted = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    for node in weighted[1:]:
        weights = makers[node.input[1]]
        assert constants[weights.input[0]].dtype == np.int8
        channels.append(len(constants[weights.input[1]]))
    assert channels == [64, 128, 256, 7]
    assert constants[weighted[0].input[1]].dtype == np.float32, "nine products are faster in float"
    (softmax,) = (node for node in graph.node if node.op_type == "Softmax")
    assert makers[softmax.input[0]].op_type == "Add"
    assert makers[makers[softmax.input[0]].input[0]].op_type == "Gemm"
    assert softmax.output[0] == "probabilities"


def test_tflite_int8_convolutions_have_a_scale_for_each_channel_and_softmax_is_float(exported) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = interpreter.Interpreter(str(exported.folder / "model.int8.tflite"))
    tensors = {tensor["index"]: tensor for tensor in model.get_tensor_details()}
    operations = model._get_ops_details()
    weights = [tensors[o["inputs"][1]] for o in operations if o["op_name"] in ("CONV_2D", "FULLY_CONNECTED")]
    assert [tensor["dtype"] for tensor in weights] == [np.int8] * 5
    assert [len(tensor["quantization_parameters"]["scales"]) for tensor in weights] == [32, 64, 128, 1, 1], (
        "old runtimes ignore a dense layer's scale for each output without a word"
    )
    kinds = {o["op_name"]: {tensors[i]["dtype"] for i in (o["inputs"][0], o["outputs"][0])} for o in operations}
    assert kinds["SOFTMAX"] == kinds["LOGISTIC"] == {np.float32}
    assert kinds["CONV_2D"] == kinds["MAX_POOL_2D"] == {np.int8}


def test_nothing_is_in_float_where_that_was_asked_for(exported) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = interpreter.Interpreter(str(exported.folder / "model.int8-full.tflite"))
    model.allocate_tensors()
    assert {tensor["dtype"] for tensor in model.get_tensor_details()} <= {np.int8, np.int32}
    (image,), (probabilities,) = model.get_input_details(), model.get_output_details()
    assert (image["dtype"], image["quantization"]) == (np.int8, (1.0, -128)), "a byte of the picture minus 128"
    assert (probabilities["dtype"], probabilities["quantization"]) == (np.int8, (1 / 256, -128))
    kinds = {operation["op_name"] for operation in model._get_ops_details()}
    assert not kinds & {"QUANTIZE", "DEQUANTIZE", "FULLY_CONNECTED"}
    entry = next(a for a in load_manifest(exported.artifacts) if a.precision == "int8-full")
    assert (entry.input["dtype"], entry.input["range"]) == ("int8", [-128, 127])
    model.set_tensor(image["index"], (faces(1)[..., None].astype(int) - 128).astype(np.int8))
    model.invoke()
    found = (model.get_tensor(probabilities["index"]).astype(np.float32) + 128) / 256
    expected = load_classifier(exported.folder / "model.int8-full.tflite").predict_proba(faces(1))
    np.testing.assert_allclose(found / found.sum(), expected, atol=1e-6)


def test_additions_are_exact_in_integers(exported) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = interpreter.Interpreter(str(exported.folder / "model.int8.tflite"))
    tensors = {tensor["index"]: tensor for tensor in model.get_tensor_details()}
    added = [o for o in model._get_ops_details() if o["op_name"] == "ADD"]
    additions = [o for o in added if tensors[o["outputs"][0]]["dtype"] == np.int8]
    assert len(additions) == 2, "the others add a dense layer's bias, in float"
    for addition in additions:
        scales = [tensors[i]["quantization"][0] for i in (addition["inputs"][0], addition["outputs"][0])]
        assert scales[0] == pytest.approx(scales[1], rel=1e-6)


def test_half_precision_is_of_weights_and_not_of_biases(exported) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf((exported.folder / "model.fp16.tflite").read_bytes())
    (graph,) = model.subgraphs
    constants = [t for t in graph.tensors if model.buffers[t.buffer].data is not None]
    kinds = {
        kind: [t for t in constants if t.type == getattr(schema.TensorType, kind)] for kind in ("FLOAT16", "FLOAT32")
    }
    layers = 5
    assert len(kinds["FLOAT16"]) == layers
    assert all(len(t.shape) > 1 for t in kinds["FLOAT16"])
    assert sum(len(t.shape) == 1 and t.shape[0] > 1 for t in kinds["FLOAT32"]) >= layers
    half, whole = ((exported.folder / file).stat().st_size for file in ("model.fp16.tflite", "model.tflite"))
    assert half < 0.52 * whole


def test_weights_are_aligned_and_int8_files_are_small(exported) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    for file in FILES[2:]:
        model = schema.Model.GetRootAs((exported.folder / file).read_bytes(), 0)
        buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
        starts = [b._tab.Vector(b._tab.Offset(4)) for b in buffers if b.DataLength() > 1000]
        assert len(starts) >= 4
        assert all(start % 16 == 0 for start in starts)
    size = {file: (exported.folder / file).stat().st_size for file in FILES}
    assert size["model.int8.onnx"] < 0.272 * size["model.onnx"]
    assert size["model.int8.tflite"] < 0.28 * size["model.tflite"]
    assert size["model.fp16.tflite"] < 0.52 * size["model.tflite"]


@pytest.mark.parametrize("file", FILES)
def test_facts_inside_the_file(exported, file: str) -> None:
    metadata = pytest.importorskip("export.metadata")
    facts = metadata.read(exported.folder / file)
    assert facts["model"] == "baseline_cnn"
    assert facts["labels"] == list(EXPRESSIONS)
    assert facts["input"]["layout"] == "NHWC"
    assert facts["sha256_of_keras_original"] == sha256(exported.run / "model.keras")
    assert facts["trained_on"] == "jax"
    assert facts["license"] == "not stated"
    assert facts["training_data"] == "own images (small.zip)"
    assert facts["made_by"].startswith("fer_zoo ")
    assert facts["precision"] == {"model.onnx": "fp32", "model.tflite": "fp32"}.get(file, file.split(".")[1])


def test_weights_of_face_recognition_keep_their_terms_with_eight_expressions_and_as_a_member(tmp_path: Path) -> None:
    import keras

    from export.make import facts_of

    image = keras.Input((48, 48, 1))
    small = keras.Model(image, keras.layers.Dense(8)(keras.layers.Flatten()(image)), name="mobilenet_face_ferplus")
    (tmp_path / "model.keras").write_bytes(b"")
    member = {"model": small.name, "architecture": "mobilenet_face", "fine_tuned": True}
    member |= {"path": "model.keras", "sha256": "0" * 64, "weight": 1.0}
    for config in ({"fine_tuned": True, "training": {"model": "mobilenet_face"}}, {"members": [member]}):
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert "VGGFace2" in facts_of(small, tmp_path / "model.keras")["license"]


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.tflite"])
def test_facts_round_trip_and_change_no_answer(exported, tmp_path: Path, file: str) -> None:
    metadata = pytest.importorskip("export.metadata")
    copy = tmp_path / file
    copy.write_bytes((exported.folder / file).read_bytes())
    facts = {"model": "other", "labels": list("ébcdefg"), "input": {"shape": [None, 48]}}
    metadata.write(copy, facts)
    assert metadata.read(copy) == facts
    assert load_classifier(copy).labels == tuple("ébcdefg")
    if file.endswith("tflite"):
        before, after = (load_classifier(path).predict_proba(faces(3)) for path in (exported.folder / file, copy))
        np.testing.assert_array_equal(before, after)


def test_only_exports_carry_facts(exported) -> None:
    metadata = pytest.importorskip("export.metadata")
    with pytest.raises(FerZooError, match="carries no metadata"):
        metadata.read(exported.folder / "model.keras")


def test_manifest(exported) -> None:
    artifacts = {Path(artifact.path).name: artifact for artifact in load_manifest(exported.artifacts)}
    assert set(artifacts) == {"model.keras", *FILES}
    for file, artifact in artifacts.items():
        path = exported.artifacts / artifact.path
        assert artifact.sha256 == sha256(path)
        assert artifact.bytes == path.stat().st_size
        assert (artifact.params, artifact.macs, artifact.trained_on) == (128_391, 21_931_776, "jax")
        assert artifact.metrics["test"]["n"] == 60
        assert artifact.metrics["public_test"]["n"] + artifact.metrics["private_test"]["n"] == 60
        assert bool(artifact.parity) == (file != "model.keras")
    float_parity = artifacts["model.onnx"].parity
    assert float_parity["argmax_agreement"] == 1
    assert float_parity["max_abs_diff"] < 1e-4
    assert 0 < artifacts["model.int8.onnx"].parity["mean_abs_diff"] < 0.02
    assert artifacts["model.keras"].source == "python -m fer_zoo.train --backend jax"


def test_run_files_card_and_plot_are_published(exported) -> None:
    published = {path.name for path in exported.folder.iterdir()}
    assert {"model.keras", "config.json", "history.csv", "evaluation.json", "README.md", "confusion.png"} <= published
    assert "parity.png" not in published
    card = (exported.folder / "README.md").read_text()
    assert all(f"[{file}]({file})" in card for file in ("model.keras", *FILES))
    assert all(word in card for word in (*EXPRESSIONS, "21.9 million", "95 % interval", "AI Act", "not an emotion"))
    assert "(confusion.png)" in card
    assert "(per_class.png)" not in card + (exported.folder / "evaluation.md").read_text()
    assert card.startswith("# baseline_cnn, trained on own images (small.zip)\n")
    assert "- data: own images (small.zip), 33 training images; the epoch chosen on PublicTest (" in card
    assert "FER2013" not in card
    accuracy = json.loads((exported.artifacts / "manifest.json").read_text())["artifacts"][0]["metrics"]["test"][
        "accuracy"
    ]
    assert f"{accuracy:.2%}" in card


def test_output_is_a_table_and_nothing_else(exported) -> None:
    assert exported.output.count("passed") == 6
    assert not any(noise in exported.output for noise in ("absl", "oneDNN", "XNNPACK", "Warning", "WARNING"))
    assert not list(exported.artifacts.glob(".*"))


def test_converters_are_quiet_only_while_they_run() -> None:
    convert = pytest.importorskip("export.convert")
    root = logging.getLogger()
    before = root.level
    with convert.quiet():
        assert root.level == logging.ERROR
    assert root.level == before


def test_the_gate_is_on_what_the_files_answer(exported) -> None:
    """A file whose parity passed still passes when measured again, through the shared measures."""
    from fer_zoo.data import load_dataset
    from fer_zoo.evaluation.parity import compare

    test = load_dataset(exported.data).subset("test")
    reference = load_classifier(exported.folder / "model.onnx").predict_proba(test.images)
    for file in FILES[1:]:
        parity = compare(
            reference, load_classifier(exported.folder / file).predict_proba(test.images), test.labels, EXPRESSIONS
        )
        assert failures(parity, "fp16" if "fp16" in file else "int8") == []
