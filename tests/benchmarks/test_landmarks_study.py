"""The study of landmarks: inputs with maps, and the table, page and plots of untrained runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.studies.landmarks import measure, variants
from benchmarks.studies.landmarks.rows import LandmarkStudy
from benchmarks.studies.landmarks.variants import GIVEN, NONE, config_of, with_maps
from benchmarks.table import read_record
from fer_zoo.errors import UsageError
from fer_zoo.models import build_model, parse_options
from fer_zoo.training.reporter import SILENT

keras = pytest.importorskip("keras")


def test_maps_are_light_at_the_landmarks_and_black_without() -> None:
    from fer_zoo.models.guidance import WIDTH

    images = np.full((2, 48, 48), 7, np.uint8)
    landmarks = np.full((2, 5, 2), np.nan, np.float32)
    landmarks[0] = [[0.25, 0.5], [0.75, 0.5], [0.5, 0.5], [0.3, 0.8], [0.7, 0.8]]
    inputs = with_maps(images, landmarks)
    assert inputs.shape == (2, 48, 48, 6)
    assert inputs.dtype == np.uint8
    assert (inputs[..., 0] == 7).all()
    assert not inputs[1, ..., 1:].any()
    row, column = np.unravel_index(inputs[0, ..., 4].argmax(), (48, 48))
    assert abs((column + 0.5) / 48 - 0.3) <= 0.5 / 48
    assert abs((row + 0.5) / 48 - 0.8) <= 0.5 / 48
    assert inputs[0, 23, 16, 1] == pytest.approx(255 * np.exp(-((16.5 / 48 - 0.25) ** 2) / (2 * WIDTH**2)), abs=2)


def test_variants_differ_in_model_and_landmark_loss_alone() -> None:
    def shared(variant: str) -> dict[str, object]:
        own = ("model", "model_options", "landmark_weight")
        return {name: value for name, value in vars(config_of(variant, 3, 5, None, "torch")).items() if name not in own}

    assert all(shared(variant) == shared(NONE) for variant in variants.VARIANTS)
    given, both = variants._given_model(7), build_model("fernet_nano_landmark")
    gates = [model.get_layer("gate").count_params() for model in (given, both)]
    assert gates[0] == gates[1]


def test_run_with_given_maps_is_reused_with_its_settings_alone(part_of_bundle, tmp_path: Path) -> None:
    data = str(part_of_bundle(tmp_path / "faces.zip", 120))
    config, other = (config_of(GIVEN, 1, epochs, data, keras.backend.backend()) for epochs in (1, 2))
    model = variants.train_variant(GIVEN, config, tmp_path / "run", SILENT)
    assert keras.saving.load_model(model).input_shape == (None, 48, 48, 6)
    written = model.stat().st_mtime_ns
    assert variants.train_variant(GIVEN, config, tmp_path / "run", SILENT).stat().st_mtime_ns == written
    with pytest.raises(UsageError, match="has a run with other settings"):
        variants.train_variant(GIVEN, other, tmp_path / "run", SILENT)


@pytest.mark.usefixtures("undrawn")
def test_table_page_and_plots(part_of_bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = part_of_bundle(tmp_path / "faces.zip", 120)

    def untrained(variant: str, config: object, folder: Path, reporter: object) -> Path:
        options = parse_options(config.model_options)  # type: ignore[attr-defined]
        model = variants._given_model(7) if variant == GIVEN else build_model(config.model, **options)  # type: ignore[attr-defined]
        folder.mkdir(parents=True)
        model.save(folder / "model.keras")
        history = [{"epoch": epoch, "selection_accuracy": share} for epoch, share in ((1, 0.2), (2, 0.4), (3, 0.3))]
        (folder / "history.json").write_text(json.dumps(history))
        return folder / "model.keras"

    monkeypatch.setattr(measure, "train_variant", untrained)
    monkeypatch.setattr(measure, "SEVERITIES", (3,))

    # Eagerly: compiling a call of each model takes longer than all of them.
    def predict(model: object, inputs: np.ndarray, **_: object) -> object:
        return keras.tree.map_structure(keras.ops.convert_to_numpy, model(inputs, training=False))  # type: ignore[operator]

    monkeypatch.setattr(keras.Model, "predict", predict)
    command = ["landmarks", "--data", data, "--variants", NONE, "both", GIVEN, "--seeds", "1", "--epochs", "3"]
    command += [
        "--images",
        "6",
        "--runs",
        tmp_path / "runs",
        "--output",
        tmp_path,
        "--backend",
        keras.backend.backend(),
    ]
    assert main(list(map(str, command))) == 0
    study = read_record(tmp_path / "landmarks.json", LandmarkStudy)
    assert study is not None
    assert (study.n, study.epochs, study.seeds) == (6, 3, (1,))
    none, both, given = study.variants
    assert none.difference is None
    assert both.difference is not None
    assert both.difference.mean == pytest.approx(both.private_test - none.private_test)
    assert both.difference.interval[0] <= both.difference.mean <= both.difference.interval[1]
    assert (both.public_test, study.runs[1].best_epoch) == (0.4, 2)
    # It starts at the mean face, a few pixels from each.
    assert both.landmark_error is not None
    assert 1 < both.landmark_error < 12
    assert given.landmark_error is None
    assert list(study.found) == ["train", "private_test", "rotation", "occlusion", "crop shift"]
    page = (tmp_path / "landmarks.md").read_text()
    assert "| **both** |" in page
    assert "both, seed 1" in page
    for name in ("landmarks.png", "landmarks_faces.png"):
        assert (tmp_path / name).exists()
    assert len((tmp_path / "landmarks.csv").read_text().splitlines()) == 4
