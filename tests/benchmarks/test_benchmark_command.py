from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from workers import quickest_backend

import benchmarks.parity.measure
from benchmarks import arguments as shared
from benchmarks.__main__ import main
from benchmarks.machine import describe
from benchmarks.options import FULL_TIMING, Options, Timing
from benchmarks.options import test_images as chosen_images
from benchmarks.report.merge import read_report
from fer_zoo.console import run
from fer_zoo.cpu import cores

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def arguments(zoo, quick, monkeypatch) -> list[str]:
    """A benchmark of a few queries whose original needs no Keras."""
    monkeypatch.setattr(benchmarks.parity.measure, "keras_probabilities", zoo.predict_original)
    short = ["--quick", "--queries", "4", "--batch", "1", "2", "--threads", "1"]
    return ["--artifacts", str(zoo.artifacts), "--data", str(zoo.data), "--output", str(zoo.reports), *short]


def test_all_leaves_every_report(zoo, arguments, capsys):
    assert run(main, arguments) == 0
    names = {path.name for path in zoo.reports.iterdir()}
    assert names == {
        *(
            "parity.json",
            "latency.json",
            "report.md",
            "models.md",
            "models.png",
            "parity.csv",
            "latency.csv",
            "cold_start.csv",
        ),
        "cost.csv",
        *("accuracy_latency.png", "parity.png", "latency.png", "sizes.png"),
    }
    report = read_report(zoo.reports)
    assert [row.status for row in report.artifacts] == ["reference", "passed", "passed"]
    assert [len(row.latency) for row in report.artifacts] == [0, 2, 2]
    assert all(row.cold_start for row in report.artifacts[1:])
    captured = capsys.readouterr()
    assert "linear onnx int8" in captured.out
    assert captured.err == "", "nothing but failures is printed where there is no terminal"


def test_a_missed_gate_is_exit_code_1(zoo, arguments, capsys):
    worse = zoo.weights + np.random.default_rng(1).normal(0, 0.1, zoo.weights.shape)
    zoo.add_onnx("fp16", worse)
    assert run(main, ["parity", *arguments]) == 1
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    assert "linear onnx fp16: argmax_agreement is 0." in captured.err
    assert run(main, ["parity", *arguments, "--models", "linear:onnx:fp32"]) == 0


def test_a_damaged_artifact_is_exit_code_1_and_the_others_are_timed(zoo, arguments, capsys):
    with (zoo.artifacts / "linear/model.int8.onnx").open("ab") as file:
        file.write(b"x")
    assert run(main, ["latency", *arguments]) == 1
    timed = {row.file.name: len(row.latency) for row in read_report(zoo.reports).artifacts}
    assert timed == {
        "linear onnx fp32": 2,
        "linear onnx int8": 0,
    }
    assert "sha256 differs" in capsys.readouterr().err


def test_report_alone_measures_nothing(zoo, arguments, capsys):
    assert run(main, ["parity", *arguments]) == 0
    page = (zoo.reports / "report.md").read_bytes()
    (zoo.reports / "report.md").unlink()
    assert run(main, ["report", *arguments]) == 0
    assert (zoo.reports / "report.md").read_bytes() == page


def test_empty_manifest(tmp_path, capsys):
    assert run(main, ["--artifacts", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "python -m export" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--artifacts", "/nowhere"], "there is no folder /nowhere"),
        (["--models", "no_such_model"], "no artifact 'no_such_model'"),
        (["--data", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_usage(arguments, wrong, message, capsys):
    assert run(main, [*arguments, *wrong]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--batch", "0"], ["--seconds", "nan"], ["--queries", "-1"], ["peers"]])
def test_wrong_values(wrong, capsys):
    with pytest.raises(SystemExit) as exit:
        main(wrong)
    assert exit.value.code == 2


def parsed(*words: object) -> Options:
    """The options of a benchmark with all shared arguments."""
    parser = shared.command_parser("", "A benchmark.")
    shared.add_selection(parser)
    shared.add_depth(parser, "quick", "full")
    shared.add_timing(parser)
    return shared.options_of(parser.parse_args(list(map(str, words))))


def test_what_is_not_asked_for_is_the_default(tmp_path):
    options = parsed("--artifacts", tmp_path)
    assert options.timing == replace(Timing(), threads=tuple(sorted({1, cores()})))
    assert options.output == tmp_path / "reports"
    assert parsed("--artifacts", tmp_path, "--threads", "all", 1).timing == options.timing
    full = parsed("--artifacts", tmp_path, "--full", "--cold-starts", 7)
    assert full.timing == replace(FULL_TIMING, threads=options.timing.threads, cold_starts=7)


def test_a_quick_run_measures_the_smallest_models_away_from_the_reports(zoo):
    options = parsed("--quick", "--artifacts", zoo.artifacts)
    assert options.models == ("linear",)
    assert options.output == Path("runs/benchmark-quick")
    assert (options.timing.queries, options.backends, options.runtimes) == (32, (), ())
    assert parsed("--quick").models == ("fernet_nano", "baseline_cnn")
    named = parsed("--quick", "--models", "fernet_base", "--output", "x")
    assert (named.models, named.output) == (("fernet_base",), Path("x"))


def test_commands_are_named_as_they_are_typed_in_a_wheel():
    """There, `benchmarks` lies inside fer_zoo, where `python -m benchmarks` finds nothing."""
    assert (benchmarks.BENCHMARK, benchmarks.EXPORT) == ("python -m benchmarks", "python -m export")
    spec = importlib.util.spec_from_file_location("fer_zoo.benchmarks", benchmarks.__file__)
    inside = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inside)
    assert (inside.BENCHMARK, inside.EXPORT) == ("fer-zoo benchmark", "fer-zoo export")


def test_fewer_images_are_spread_over_all(zoo):
    options = Options(artifacts=zoo.artifacts, output=zoo.reports, data=zoo.data)
    every = chosen_images(options)
    some = chosen_images(replace(options, images=5))
    assert len(every) == 42
    assert list(some.names) == list(every.names[[0, 10, 20, 30, 41]])
    assert len(chosen_images(replace(options, images=100))) == 42


def test_machine_is_described():
    machine = describe()
    assert machine.cpu
    assert machine.cores >= 1
    assert machine.packages["numpy"] == np.__version__
    json.dumps(asdict(machine))


@pytest.mark.slow
def test_with_keras_as_a_user_would(zoo, command):
    """The original really is a Keras model here, and is timed in its own process."""
    keras = pytest.importorskip("keras")
    image = keras.Input((48, 48, 1), name="image")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Softmax()(keras.layers.Dense(7, use_bias=False)(flat)))
    model.set_weights([zoo.weights])
    model.save(zoo.artifacts / "linear/model.keras")
    zoo.add("keras", "fp32", "linear/model.keras")
    short = ("--quick", "--queries", 4, "--seconds", 0.1, "--threads", 1, "--keras", "--output", zoo.reports)
    done = command("benchmarks", "--artifacts", zoo.artifacts, "--data", zoo.data, *short, backend=quickest_backend())
    assert done.returncode == 0, done.stderr
    artifacts = read_report(zoo.reports).artifacts
    assert [artifact.status for artifact in artifacts] == ["reference", "passed", "passed"]
    assert [len(artifact.latency) for artifact in artifacts] == [2, 2, 2]
    assert artifacts[1].parity.argmax_agreement == 1
    assert artifacts[0].latency[0].runtime == "keras"
