"""The page on Spark and Dask runs where they are: Dask with the extra `dev`, Spark by `pip install pyspark`."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from needs import need

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(happy_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with two photos and a file that is none."""
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copyfile(happy_photo, tmp_path / "photos" / name)
    (tmp_path / "photos" / "text.jpg").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Spark on two threads of this machine, its files in the working folder."""
    pyspark_sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed; run `pip install pyspark`")
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        pytest.skip("there is no Java, which Spark needs")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)  # Else it takes the first `python3`.
    builder = pyspark_sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    yield
    session.stop()


def run_page(first: str, page_code: Callable[[str], str]) -> tuple[dict[str, object], str]:
    """Run the block of docs/scale.md with a certain line: its names, and what it printed."""
    names: dict[str, object] = {"__name__": "page"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(page_code(first), "docs/scale.md", "exec"), names)
    return names, printed.getvalue()


def test_spark_takes_photos_to_faces(folder: Path, spark: None, page_code: Callable[[str], str]) -> None:
    pandas = pytest.importorskip("pandas")
    run_page("mapInPandas", page_code)
    rows = pandas.read_parquet(folder / "spark-faces").sort_values("path")
    assert [Path(path).name for path in rows["path"]] == ["a.jpg", "b.jpg", "text.jpg"]
    assert rows["label_1"].tolist() == ["happy", "happy", ""]
    assert rows["face"].tolist() == [1, 1, 0]
    assert rows["error"].iloc[2].startswith("the image is not an image")
    np.testing.assert_array_equal(rows["probability_1"].isna(), [False, False, True])


def test_spark_classifies_crops(folder: Path, spark: None, page_code: Callable[[str], str]) -> None:
    names, printed = run_page("predict_batch_udf(", page_code)
    assert printed.count("probabilities=[") == 2
    faces = np.stack([np.full((48, 48), 128, np.float32), np.zeros((48, 48), np.float32)])
    expected = names["make_predict"]()(faces)  # type: ignore[operator]
    crops, classify = names["crops"], names["classify"]
    rows = crops.select(classify("face")).collect()  # type: ignore[attr-defined, operator]
    np.testing.assert_allclose([row[0] for row in rows], expected, atol=1e-6)


def test_dask_takes_photos_to_faces(folder: Path, page_code: Callable[[str], str]) -> None:
    need("dask")
    names, _ = run_page("map_partitions(", page_code)
    rows = names["faces"].compute(scheduler="threads").sort_values("path")  # type: ignore[attr-defined]
    assert [Path(path).name for path in rows["path"]] == ["a.jpg", "b.jpg", "text.jpg"]
    assert rows["label_1"].tolist() == ["happy", "happy", ""]
    assert (
        rows["error"].iloc[2]
        == "photos/text.jpg is not an image in a format that is read here: "
        + (rows["error"].iloc[2].rpartition(": ")[2])
    )
