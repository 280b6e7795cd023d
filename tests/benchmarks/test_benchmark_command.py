from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import benchmarks.__main__ as command_line
import benchmarks.parity.measure
from benchmarks.__main__ import main
from benchmarks.machine import describe
from benchmarks.options import Options
from benchmarks.options import test_images as chosen_images
from fer_zoo.console import run
from fer_zoo.cpu import cores


@pytest.fixture
def arguments(zoo, quick, monkeypatch) -> list[str]:
    """A benchmark of a few queries whose original needs no Keras."""
    monkeypatch.setattr(benchmarks.parity.measure, "_predict_in_other_process", zoo.predict_original)
    short = ["--quick", "--queries", "4", "--batch", "1", "2", "--threads", "1", "--own-only"]
    return ["--artifacts", str(zoo.artifacts), "--data", str(zoo.data), "--output", str(zoo.reports), *short]


def test_all_leaves_every_report(zoo, arguments, capsys):
    assert run(main, arguments) == 0
    names = {path.name for path in zoo.reports.iterdir()}
    assert names == {
        *(
            "parity.json",
            "latency.json",
            "report.json",
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
    report = json.loads((zoo.reports / "report.json").read_text())
    assert report["status"] == "passed"
    assert [len(a["latency"]) for a in report["artifacts"]] == [0, 2, 2]
    assert all("cold_start" in a for a in report["artifacts"][1:])
    captured = capsys.readouterr()
    assert "linear onnx int8" in captured.out
    assert captured.err == "", "nothing but failures is told where there is no terminal"


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
    report = json.loads((zoo.reports / "report.json").read_text())
    assert {a["name"]: len(a["latency"]) for a in report["artifacts"]} == {"linear onnx fp32": 2, "linear onnx int8": 0}
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
    ("wrong", "told"),
    [
        (["--artifacts", "/nowhere"], "there is no folder /nowhere"),
        (["--models", "no_such_model"], "no artifact 'no_such_model'"),
        (["--data", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_usage(arguments, wrong, told, capsys):
    assert run(main, [*arguments, *wrong]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--batch", "0"], ["--seconds", "nan"], ["--queries", "-1"], ["peers"]])
def test_wrong_values(wrong, capsys):
    with pytest.raises(SystemExit) as exit:
        main(wrong)
    assert exit.value.code == 2


def test_defaults_are_those_of_the_protocol(tmp_path):
    options = command_line._options(command_line._parser().parse_args(["--artifacts", str(tmp_path)]))
    assert (options.batches, options.queries, options.seconds) == ((1, 32), 1024, 10)
    assert options.threads == tuple(sorted({1, cores()}))
    assert options.output == tmp_path / "reports"
    named = command_line._parser().parse_args(["--artifacts", str(tmp_path), "--threads", "all", "1"])
    assert command_line._options(named).threads == options.threads


def test_a_quick_run_measures_the_smallest_models_away_from_the_reports(zoo):
    parse = command_line._parser().parse_args
    options = command_line._options(parse(["--quick", "--artifacts", str(zoo.artifacts)]))
    assert options.models == ("linear",)
    assert options.output == Path("runs/benchmark-quick")
    assert (options.queries, options.execution, options.backends, options.runtimes) == (32, False, (), ())
    shipped = command_line._options(parse(["--quick"]))
    assert shipped.models == ("fernet_nano", "baseline_cnn")
    named = command_line._options(parse(["--quick", "--models", "fernet_base", "--output", "x"]))
    assert (named.models, named.output) == (("fernet_base",), Path("x"))


def test_fewer_images_are_spread_over_all(zoo):
    options = Options(artifacts=zoo.artifacts, output=zoo.reports, data=zoo.data)
    every = chosen_images(options)
    some = chosen_images(replace(options, images=5))
    assert len(every) == 42
    assert list(some.names) == list(every.names[[0, 10, 20, 30, 41]])
    assert len(chosen_images(replace(options, images=100))) == 42


def test_machine_is_described():
    machine = describe()
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert machine["packages"]["numpy"] == np.__version__
    json.dumps(machine)


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
    short = ("--quick", "--queries", 4, "--threads", 1, "--keras", "--output", zoo.reports)
    done = command("benchmarks", "--artifacts", zoo.artifacts, "--data", zoo.data, *short)
    assert done.returncode == 0, done.stderr
    artifacts = json.loads((zoo.reports / "report.json").read_text())["artifacts"]
    assert [artifact["status"] for artifact in artifacts] == ["reference", "passed", "passed"]
    assert [len(artifact["latency"]) for artifact in artifacts] == [2, 2, 2]
    assert artifacts[1]["parity"]["argmax_agreement"] == 1
    assert artifacts[0]["latency"][0]["runtime"] == "keras"
