"""Files in runtimes with environments of their own; here that of the tests stands for each."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.runtimes import command, environment, measure, page, process, registry, variants
from benchmarks.runtimes.registry import RUNTIMES, Runtime
from benchmarks.runtimes.rows import RuntimesReport
from benchmarks.table import read_record
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import artifacts_dir, load_manifest, local_path

_LOAD = "import numpy as np\nimport onnxruntime\n\n\ndef load(path):\n"
_SESSION = "    session = onnxruntime.InferenceSession(path)\n"
_RUN = "session.run(None, {'image': images})[0]"
# What a runtime may do with a file, by name.
_RUNNERS = {
    "swapped": _LOAD + _SESSION + f"    return lambda images: {_RUN}[:, ::-1]\n",
    "swapped in batches": _LOAD + _SESSION + f"    return lambda images: {_RUN}[:, :: 1 - 2 * (len(images) > 1)]\n",
    "no batches": _LOAD + _SESSION + f"    return lambda images: {_RUN}[:1]\n",
    "refusing": _LOAD + "    raise ValueError('no layer\\n  for Gemm')\n",
    "dying": _LOAD + "    import os\n    os._exit(3)\n",
    "stuck": _LOAD + "    import time\n    time.sleep(60)\n",
    "compiling": "def inspect(path):\n    print('noise')\n    return {'accelerated': 0.75, 'arena_bytes': 4096}\n",
}


@pytest.fixture
def runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Runtime, ...]:
    """ONNX Runtime, and runtimes that go wrong in all ways."""
    (tmp_path / "runners").mkdir()
    found = [RUNTIMES[0]]
    for name, text in _RUNNERS.items():
        runner = tmp_path / "runners" / f"{name}.py"
        runner.write_text(text)
        found.append(Runtime(name, "https://example.org", str(runner), ("onnx",), (), timed=name == "swapped"))
    for module in (registry, measure, page, command):
        monkeypatch.setattr(module, "RUNTIMES", tuple(found))
    monkeypatch.setattr(environment, "environment", lambda runtime: Path(sys.prefix))
    limits = process.Limits(timed_seconds=0.02, process_seconds=20)
    monkeypatch.setattr(command, "Limits", lambda: limits)
    return tuple(found)


def test_each_runtime_is_held_against_the_zoos_own(zoo, runtimes, monkeypatch, capsys) -> None:
    names = [runtime.name for runtime in runtimes if runtime.name != "stuck"]
    arguments = ["runtimes", "--data", str(zoo.data), "--artifacts", str(zoo.artifacts), "--models", "linear:onnx:fp32"]
    assert main([*arguments, "--runtimes", *names]) == 1, "some are wrong"
    report = read_record(zoo.reports / "runtimes.json", RuntimesReport)
    rows = {row.runtime: row for row in report.rows}
    own, swapped = rows["ONNX Runtime 1.32"], rows["swapped"]
    assert (own.status, own.n, own.agreement, own.batch_agreement, own.max_abs_diff) == ("right", 42, 1.0, 1.0, 0.0)
    assert own.accuracy == own.reference_accuracy == own.batch_accuracy
    assert own.batch_n == 42
    assert own.memory_bytes > 0
    assert swapped.status == "wrong"
    assert swapped.agreement < 0.98
    assert swapped.relative_latency > 0
    assert own.relative_latency is None
    assert rows["swapped in batches"].agreement == 1.0
    assert rows["swapped in batches"].status == "wrong"
    assert rows["no batches"].status == "right"
    assert rows["no batches"].batch_error == "ValueError: 8 images got an output of shape (1, 7)"
    assert (rows["refusing"].status, rows["refusing"].error) == ("refused", "ValueError: no layer for Gemm")
    assert rows["dying"].error == "its process ended with code 3"
    assert (rows["compiling"].status, rows["compiling"].accelerated) == ("compiled", 0.75)
    text = (zoo.reports / "runtimes.md").read_text()
    assert "- refusing, linear onnx fp32: `ValueError: no layer for Gemm`" in text
    assert "| [swapped](https://example.org) | 0 of 1, **1 wrong** |" in text
    assert "| [compiling](https://example.org) | 75% on the NPU | - |" in text
    assert (zoo.reports / "runtimes.png").stat().st_size > 1000
    assert (zoo.reports / "runtimes.csv").read_text().count("\n") == len(names) + 1
    assert "swapped in batches" in capsys.readouterr().out
    monkeypatch.setattr(environment, "environment", None)  # Nothing is measured again.
    assert main([*arguments, "--runtimes", "ONNX"]) == 0
    assert len(read_record(zoo.reports / "runtimes.json", RuntimesReport).rows) == len(names)


def test_a_runtime_that_hangs_or_is_not_there_is_a_row(zoo, runtimes, monkeypatch) -> None:
    limits = process.Limits(process_seconds=0.5)
    monkeypatch.setattr(command, "Limits", lambda: limits)
    arguments = ["runtimes", "--data", str(zoo.data), "--artifacts", str(zoo.artifacts), "--models", "linear:onnx:fp32"]
    assert main([*arguments, "--runtimes", "stuck"]) == 0

    def failing(runtime: Runtime) -> Path:
        raise FerZooError("ERROR: No matching distribution found")

    monkeypatch.setattr(environment, "environment", failing)
    assert main([*arguments, "--runtimes", "stuck", "refusing"]) == 0
    stuck, refusing = sorted(
        read_record(zoo.reports / "runtimes.json", RuntimesReport).rows, key=lambda row: row.status, reverse=True
    )
    assert (stuck.status, stuck.error) == ("refused", "it did not end within 0 s")
    assert (refusing.status, refusing.error) == ("not installed", "ERROR: No matching distribution found")
    assert "not installed" in (zoo.reports / "runtimes.md").read_text()


def test_an_unknown_runtime_is_a_usage_error(zoo, capsys) -> None:
    with pytest.raises(UsageError, match=r"there is no runtime 'nothing'; there are ONNX Runtime 1\.32, "):
        main(["runtimes", "--runtimes", "nothing"])
    assert main(["runtimes", "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [runtime.name for runtime in RUNTIMES]


def test_names_and_environments_are_apart() -> None:
    assert len({runtime.name for runtime in RUNTIMES}) == len(RUNTIMES) >= 14
    assert all((Path(measure.__file__).parent / "runners" / runtime.runner).exists() for runtime in RUNTIMES)
    pinned = [package for r in RUNTIMES for package in r.packages if package != "numpy<2"]
    assert all("==" in package or "@" in package for package in pinned)


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_ZOO_CACHE", str(tmp_path))
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(environment, "_run", lambda *command: commands.append(command))
    absent = replace(RUNTIMES[0], packages=("onnxruntime==0.1",))
    folder = environment.environment(absent)
    assert environment.environment(absent) == folder
    assert len(commands) == 2
    assert "onnxruntime==0.1" in commands[1]
    node = environment.environment(next(runtime for runtime in RUNTIMES if runtime.is_node))
    assert commands[2][:2] == ("npm", "install")
    assert node != folder


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("no-such-program",), "no-such-program is not installed"),
        ((sys.executable, "-c", "raise SystemExit('ERROR: no match\\nbye')"), "ERROR: no match"),
        ((sys.executable, "-c", "raise SystemExit(1)"), f"{sys.executable} ended with code 1"),
    ],
)
def test_what_cannot_be_installed_says_why(command: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(FerZooError, match=f"^{re.escape(sentence)}$"):
        environment._run(*command)


def test_what_is_here_already_is_not_installed_again() -> None:
    here = Runtime("numpy", "https://numpy.org", "own.py", (), (f"numpy=={version('numpy')}",))
    assert environment.environment(here) == Path(sys.prefix)
    assert not environment.is_here(replace(here, packages=("numpy==0.1",)))
    assert not environment.is_here(replace(here, packages=("numpy<2",)))
    assert not environment.is_here(replace(here, packages=("no-such-package==1",)))


def test_the_files_are_right_in_the_runtimes_that_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The core of the table, in whatever versions are installed."""
    pytest.importorskip("ai_edge_litert")
    monkeypatch.setattr(environment, "environment", lambda runtime: Path(sys.prefix))
    files = ["baseline_cnn:onnx:int8", "baseline_cnn:tflite:int8"]
    options = ["--models", *files, "--images", "16", "--output", str(tmp_path)]
    monkeypatch.setattr(command, "Limits", lambda: process.Limits(timed_seconds=0.02))
    assert main(["runtimes", *options, "--runtimes", *registry.CORE]) == 0
    rows = read_record(tmp_path / "runtimes.json", RuntimesReport).rows
    assert {row.runtime for row in rows} == {"ONNX Runtime 1.32", "LiteRT 2.3", "LiteRT 2.3, CompiledModel"}
    assert {(row.status, row.n, row.batch_n) for row in rows} == {("right", 16, 16)}


@pytest.mark.parametrize("runner", ["litert", "litert_compiled", "openvino_cpu"])
def test_runners_give_integers_to_files_that_take_no_floats(runner: str) -> None:
    load = pytest.importorskip(f"benchmarks.runtimes.runners.{runner}", exc_type=ImportError).load
    file = artifacts_dir() / "fernet_nano" / "model.int8-full.tflite"
    images = load_dataset().subset("test").images[:9, ..., None].astype(np.float32)
    call = load(str(file))
    found = np.concatenate([call(images[:1]), call(images[1:])])
    np.testing.assert_allclose(found, load_classifier(file).predict_proba(images), atol=0.04)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_variants_for_rgb_predict_as_the_file_does(tmp_path: Path, precision: str) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    face = load_dataset().subset("test").images[:1]
    rgb = np.repeat(face[..., None], 3, axis=3)
    files = {a.format: a for a in load_manifest() if (a.model, a.precision) == ("fernet_nano", precision)}
    paths = {name: local_path(files[name], artifacts_dir()) for name in ("onnx", "tflite")}
    hub = variants.for_transformers(files["onnx"], paths["onnx"], tmp_path)
    session = onnxruntime.InferenceSession(hub / "onnx" / "model.onnx")
    (logits,) = session.run(None, {"pixel_values": rgb.transpose(0, 3, 1, 2).astype(np.float32)})
    expected = load_classifier(paths["onnx"]).predict_proba(face)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), expected, atol=0.02)
    assert json.loads((hub / "config.json").read_text())["id2label"]["3"] == "happy"
    phone = interpreter.Interpreter(str(variants.for_mediapipe(files["tflite"], paths["tflite"], tmp_path)))
    phone.allocate_tensors()
    ((image,), (output,)) = phone.get_input_details(), phone.get_output_details()
    assert [*image["shape_signature"]] == [1, 48, 48, 3]
    assert image["dtype"] == (np.uint8 if precision == "int8" else np.float32)
    phone.set_tensor(image["index"], rgb.astype(image["dtype"]))
    phone.invoke()
    expected = load_classifier(paths["tflite"]).predict_proba(face)
    np.testing.assert_allclose(phone.get_tensor(output["index"]), expected, atol=0.02)
