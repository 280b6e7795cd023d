"""Model repositories for Triton, held against Triton's own definition of their configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as definition

from export.__main__ import main
from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.inference import load_classifier


@pytest.mark.parametrize(
    ("model", "name", "labels"),
    [
        ("fernet_nano:onnx:int8", "fernet_nano", EXPRESSIONS),
        ("fernet_base_ferplus:onnx:int8", "fernet_base_ferplus", FERPLUS_EXPRESSIONS),
        ("runs/mine/export/model.onnx", "mine", EXPRESSIONS),
    ],
)
def test_the_repository_is_one_that_triton_loads(
    model: str, name: str, labels: tuple[str, ...], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/mine/export").mkdir(parents=True)
    shutil.copyfile(root / "artifacts" / "fernet_nano" / "model.onnx", "runs/mine/export/model.onnx")
    assert main([model, "--target", "triton", "models", "--instances", "2", "--batch", "16"]) == 0
    folder = tmp_path / "models" / name
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["1/model.onnx", "config.pbtxt", "labels.txt"]
    config = text_format.Parse((folder / "config.pbtxt").read_text(), definition.ModelConfig())
    assert (config.name, config.backend, config.max_batch_size) == (name, "onnxruntime", 16)
    assert (folder / "1" / config.default_model_filename).is_file()
    (image,), (output,) = config.input, config.output
    assert (image.name, image.data_type, list(image.dims)) == ("image", definition.TYPE_FP32, [48, 48, 1])
    assert (output.name, list(output.dims), output.label_filename) == ("probabilities", [len(labels)], "labels.txt")
    assert tuple((folder / "labels.txt").read_text().splitlines()) == labels
    assert config.dynamic_batching.max_queue_delay_microseconds == 1000
    assert [(group.count, group.kind) for group in config.instance_group] == [
        (2, definition.ModelInstanceGroup.KIND_CPU)
    ]
    # What the configuration says of the graph is so: Triton runs it with these names and shapes.
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx")
    faces = np.random.default_rng(1).integers(0, 256, (3, *image.dims)).astype(np.float32)
    (probabilities,) = session.run([output.name], {image.name: faces})
    np.testing.assert_allclose(probabilities, load_classifier(model).predict_proba(faces), atol=1e-6)


def test_a_model_that_is_there_is_replaced_only_with_force(tmp_path: Path) -> None:
    command = ["fernet_nano:onnx:int8", "--target", "triton", str(tmp_path)]
    assert main(command) == 0
    with pytest.raises(UsageError, match="fernet_nano exists; choose another folder, or pass --force"):
        main(command)
    (tmp_path / "fernet_nano" / "2").mkdir()
    assert main([*command, "--force"]) == 0
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_dir()) == ["1", "fernet_nano"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fernet_nano:tflite:int8"], "is no ONNX file"),
        (["vgg"], "there is no model 'vgg'"),
        (["fernet_nano:onnx:int8", "--instances", "0"], "--instances is 0; it must be at least 1"),
    ],
)
def test_what_cannot_be_put_there_is_told(arguments: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        main([*arguments, str(tmp_path / "models"), "--target", "triton"])
    assert not (tmp_path / "models").exists()
