"""Prediction on a local Ray of two workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.cli import predict_ray
from fer_zoo.cli.predict import main
from fer_zoo.console import run
from fer_zoo.distributed import FacePredictor

MODEL = "fernet_tiny:onnx:int8"
PHOTOS = 20

Predict = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """The suite's one Ray: to start it takes several processor seconds."""
    ray = pytest.importorskip("ray", reason="ray is not installed; run `pip install 'fer-zoo[ray]'`")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    try:
        ray.init(num_cpus=2, object_store_memory=80 << 20, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        # Its parts must start within 15 seconds: https://github.com/ray-project/ray/issues/65983
        pytest.skip(f"Ray did not start on this machine, which may be busy: {error}")
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # The workers cannot import the tests.
    yield
    ray.shutdown()


@pytest.fixture
def folder(happy_photo: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(PHOTOS):
        shutil.copyfile(happy_photo, folder / f"{number:02}.jpg")
    Image.new("RGB", (300, 200), "green").save(folder / "meadow.png")
    (folder / "text.jpg").write_text("no image")
    return folder


@pytest.fixture
def predict(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Predict:
    """Run the command: exit code and stderr."""

    def call(*arguments: object, output: object = tmp_path / "out.parquet") -> tuple[int, str]:
        options = ["--engine", "ray", "--model", MODEL, "--output", output, "--jobs", 2]
        code = run(main, list(map(str, [*options, folder, *arguments])))
        return code, capfd.readouterr().err

    return call


@dataclass
class DiesOnce(FacePredictor):
    """Its process is killed when it has found the faces of a certain photo, the first time."""

    mark: str = ""

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        faces = super().__call__(batch)
        if any("10.jpg" in file for file in batch["file"]) and not Path(self.mark).exists():
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return faces


@pytest.mark.slow
def test_every_photo_is_answered_once_though_a_worker_is_killed(
    local_ray: None, predict: Predict, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(predict_ray, "FacePredictor", partial(DiesOnce, mark=str(tmp_path / "killed")))
    code, stderr = predict()
    assert (code, stderr.count("\n")) == (1, 1), stderr
    assert (tmp_path / "killed").exists()
    assert "text.jpg is not an image" in stderr
    table = parquet.read_table(tmp_path / "out.parquet")
    assert [str(field.type) for field in table.schema][:8] == ["string", "int32", *["float"] * 5, "string"]
    rows = {Path(row["file"]).name: row for row in table.to_pylist()}
    assert Counter(table["file"].to_pylist()) == Counter(
        str(folder / name) for name in [*(f"{number:02}.jpg" for number in range(PHOTOS)), "text.jpg"]
    )
    assert rows["10.jpg"] == rows["03.jpg"] | {"file": str(folder / "10.jpg")}
    assert (rows["10.jpg"]["face"], rows["10.jpg"]["label_1"], rows["10.jpg"]["error"]) == (1, "happy", None)
    assert (rows["text.jpg"]["face"], rows["text.jpg"]["x"], rows["text.jpg"]["label_1"]) == (None, None, None)
    assert "is not an image" in rows["text.jpg"]["error"]

    # A later run reads what is new, and what has no row.
    before = sorted((tmp_path / "out.parquet").iterdir())
    shutil.copyfile(folder / "00.jpg", folder / "new.jpg")
    code, stderr = predict("--resume", "--empty", "--jobs", 1)
    assert (code, stderr) == (0, f"21 files of 23 are in {tmp_path / 'out.parquet'} already\n")
    [part] = set((tmp_path / "out.parquet").iterdir()) - set(before)
    assert [Path(row["file"]).name for row in parquet.read_table(part).to_pylist()] == ["meadow.png", "new.jpg"]
    assert predict("--resume")[0] == 0


@pytest.mark.slow
def test_the_page_of_ray_data(
    local_ray: None, folder: Path, page_code: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(folder.parent)
    exec(compile(page_code("import ray\n"), "docs/scale.md", "exec"), {})
    rows = parquet.read_table("faces").to_pylist()
    found = {Path(row["path"]).name: (row["face"], row["label_1"], row["error"] != "") for row in rows}
    assert len(rows) == len(found) == PHOTOS + 2
    assert (found["00.jpg"], found["meadow.png"], found["text.jpg"]) == (
        (1, "happy", False),
        (0, "", False),
        (0, "", True),
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--annotate", "x.jpg"], "--annotate does not go with --engine ray"),
        (["--format", "csv"], "--format does not go with --engine ray"),
        (["--prior", "estimate"], "--prior estimate does not go with --engine ray"),
        (["--output", "x.csv"], "give --output NAME.parquet"),
        (["--model", "nothing"], "nothing"),
        (["--top-k", "1", "--resume"], "has other columns than this command writes"),
        ([], "has an earlier output; go on with it by --resume"),
        (["nowhere://photos", "--output", "new.parquet"], "nowhere://photos is no address that is known here"),
    ],
)
def test_what_cannot_be_done_is_told_before_ray_starts(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    pytest.importorskip("ray")
    from fer_zoo.distributed.parquet import ParquetFolder, arrow_table

    monkeypatch.setitem(sys.modules, "ray.data", None)
    faces = FacePredictor(MODEL, column="file")({"file": np.array(["missing.jpg"])})
    with ParquetFolder(str(tmp_path / "out.parquet"), arrow_table(faces).schema) as output:
        output.add(arrow_table(faces))
    code, stderr = predict(*arguments)
    assert (code, stderr.count("\n")) == (2, 1)
    assert words in stderr


def test_an_address_needs_the_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(main, ["s3://bucket/photos"]) == 2
    assert "read photos of a store with --engine ray" in capsys.readouterr().err
