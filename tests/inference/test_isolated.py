"""A model in a process of its own: the same answers, and one sentence for whatever becomes of that process."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fer_zoo.cli.models import main as models
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.inference import Classifier, isolation, load_classifier
from fer_zoo.inference.isolation import Isolated
from fer_zoo.zoo import artifacts_dir

FACES = np.random.default_rng(0).integers(0, 256, (9, 48, 48), dtype=np.uint8)
NANO = "fernet_nano:onnx:int8"


def _process(classifier: Classifier) -> subprocess.Popen[bytes]:
    model = classifier._model
    assert isinstance(model, Isolated)
    return model._child.process


@pytest.fixture(scope="module")
def isolated() -> Iterator[Classifier]:
    with load_classifier(NANO, isolated=True) as classifier:
        yield classifier


@pytest.mark.parametrize("name", ["fernet_nano:onnx:int8", "fernet_nano:tflite:int8"])
def test_the_answers_are_the_same_bits(name: str) -> None:
    if "tflite" in name:
        pytest.importorskip("ai_edge_litert")
    plain = load_classifier(name)
    with load_classifier(name, isolated=True) as classifier:
        for fact in ("runtime", "labels", "input_shape", "path"):
            assert getattr(classifier, fact) == getattr(plain, fact)
        np.testing.assert_array_equal(classifier.predict_proba(FACES), plain.predict_proba(FACES))
        if "onnx" in name:
            np.testing.assert_array_equal(classifier.embed(FACES), plain.embed(FACES))
        else:
            with pytest.raises(UsageError, match="gives no features"):
                classifier.embed(FACES)


def test_a_process_that_dies_is_one_sentence_and_the_next_call_starts_another(
    isolated: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, first = isolated.predict_proba(FACES), _process(isolated)
    with monkeypatch.context() as patch:
        patch.setattr(isolation, "send", lambda *_: os.kill(first.pid, signal.SIGSEGV))
        with pytest.raises(FerZooError, match=r"^onnxruntime could not run .*: it ended its process \(SIGSEGV\)$"):
            isolated.predict_proba(FACES)
    np.testing.assert_array_equal(isolated.predict_proba(FACES), expected)
    assert _process(isolated).pid != first.pid


def test_a_model_that_hangs_is_one_sentence(isolated: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _process(isolated)
    os.kill(first.pid, signal.SIGSTOP)
    monkeypatch.setattr(isolation, "CALL_SECONDS", 0.2)
    with pytest.raises(FerZooError, match=r"it took more than 0\.2 seconds"):
        isolated.predict_proba(FACES)
    assert first.poll() == -signal.SIGKILL
    monkeypatch.setattr(isolation, "LOAD_SECONDS", 0.001)
    with pytest.raises(FerZooError, match=r"does not fit: it took more than 0\.001 seconds"):
        load_classifier(NANO, isolated=True)


def test_a_model_that_takes_all_memory_is_one_sentence(tmp_path: Path) -> None:
    """One whose answer is made of an array of 16 GiB."""
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["large"]),
        helper.make_node("ReduceMean", ["large"], ["one"], keepdims=1),
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axis"], ["column"]),
        helper.make_node("MatMul", ["column", "row"], ["scores"]),
        helper.make_node("Add", ["scores", "one"], ["shifted"]),
        helper.make_node("Softmax", ["shifted"], ["y"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 48, 48, 1])
    size = helper.make_tensor_value_info("size", TensorProto.INT64, [1])
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("row", TensorProto.FLOAT, [1, 7], [1 / 7] * 7),
    ]
    graph = helper.make_graph(
        [helper.make_node("Constant", [], ["size"], value_ints=[1 << 32]), *nodes],
        "g", [image], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7])], constants, value_info=[size],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(FerZooError, match=r"it needs more than 2 GiB of memory"):  # noqa: SIM117
        with load_classifier(tmp_path / "m.onnx", isolated=True) as classifier:
            classifier.predict_proba(FACES)


def test_what_a_model_gives_is_checked_and_errors_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("a text")
    for isolated in (False, True):
        with pytest.raises(FerZooError, match=r"text\.onnx is damaged or not a \.onnx model: ") as caught:
            load_classifier(tmp_path / "text.onnx", isolated=isolated)
        assert "\n" not in str(caught.value)


def test_no_process_is_left(isolated: Classifier) -> None:
    copy = pickle.loads(pickle.dumps(isolated))
    np.testing.assert_array_equal(copy.predict_proba(FACES), isolated.predict_proba(FACES))
    process = _process(copy)
    copy.close()
    assert process.poll() is not None
    np.testing.assert_array_equal(copy.predict_proba(FACES), isolated.predict_proba(FACES))
    process = _process(copy)
    del copy
    assert process.poll() is not None


def test_the_process_ends_with_the_one_that_started_it() -> None:
    code = f"from fer_zoo import load_classifier; c = load_classifier('{NANO}', isolated=True); "
    for end in ("", "import os; os.kill(os.getpid(), 9)"):
        done = subprocess.run(
            [sys.executable, "-c", f"{code}print(c._model._child.process.pid, flush=True); {end}"],
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        # Its pipes are closed only when it has gone, too.
        assert done.stderr == ""
        child = int(done.stdout)
        for _ in range(500):
            if not _is_running(child):
                break
            time.sleep(0.02)
        assert not _is_running(child)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_models_verify_runs_files_that_are_not_in_the_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = artifacts_dir() / "fernet_nano" / "model.int8.onnx"
    own, damaged = tmp_path / "own.onnx", tmp_path / "damaged.onnx"
    own.write_bytes(shipped.read_bytes())
    damaged.write_bytes(shipped.read_bytes()[:9000])
    assert models(["verify", str(shipped), str(own)]) == 0
    printed = capsys.readouterr().out
    assert f"{shipped} is {NANO}, as the manifest describes it" in printed
    assert f"{own} is not in the manifest; it runs, and its classes are angry, disgust" in printed
    assert models(["verify", str(damaged), str(tmp_path / "missing.onnx")]) == 1
    printed = capsys.readouterr().err
    assert "damaged.onnx is damaged or not a .onnx model" in printed
    assert "there is no model" in printed
