"""Three classes of one's own, from class folders to the page: trained, measured, exported, predicted and served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.inference import load_classifier
from fer_zoo.serve.catalog import catalog, chosen_models
from fer_zoo.zoo import labels_of, load_manifest
from fer_zoo.zoo.keras_file import keras_labels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

LABELS = ("mouth open", "no smile", "smile")
_FOLDERS = {"surprise": "mouth open", "neutral": "no smile", "happy": "smile"}
_OPTIONS = ("--model", "fernet_nano", "--backend", "tensorflow", "--epochs", 2)


@dataclass(frozen=True)
class Own:
    """The folders of the images, of the run and of its export."""

    faces: Path
    run: Path

    @property
    def exported(self) -> Path:
        return self.run / "export"


@pytest.fixture(scope="module")
def own(made_once: Callable[[str, Callable[[Path], object]], Path], command) -> Own:
    """FER2013's faces of three expressions in folders of other names, and a run on them that was exported."""

    def make(folder: Path) -> None:
        sample = load_dataset()
        for split, count in (("train", 12), ("test", 8)):
            part = sample.subset(split)
            for expression, name in _FOLDERS.items():
                target = folder / "faces" / split / name
                target.mkdir(parents=True)
                for index in np.flatnonzero(part.labels == EXPRESSIONS.index(expression))[:count]:
                    Image.fromarray(part.images[index]).save(target / f"{index}.png")
        options = ("--learning-rate", 3e-4, "--class-weights", "--mixup", 0.1, "--calibrate", "--class-offsets")
        options += ("--recalibrate-batch-norm", "--warm-start", "fernet_nano", "--data", "faces", "--output", "run")
        done = command("fer_zoo.train", *_OPTIONS, *options, folder=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        left_out = ("--leave-out", "onnx:fp32", "tflite:fp32", "tflite:fp16")
        done = command("export", "run/model.keras", "--calibration", 16, *left_out, folder=folder, backend="tensorflow")
        assert done.returncode == 0, done.stdout + done.stderr

    folder = made_once("own-classes", make)
    return Own(folder / "faces", folder / "run")


def test_the_run_and_every_file_tell_the_labels(own: Own, tmp_path: Path) -> None:
    assert json.loads((own.run / "config.json").read_text())["data"]["labels"] == list(LABELS)
    assert keras_labels(own.run / "model.keras") == LABELS
    for artifact in load_manifest(own.exported):
        assert (tuple(artifact.output["labels"]), artifact.task) == (LABELS, "own images")
        # Alone, without the manifest and the config beside it.
        path = Path(shutil.copy(own.exported / artifact.path, tmp_path))
        if artifact.format == "keras":
            assert labels_of(path, 3) == LABELS
        else:
            assert load_classifier(path).labels == LABELS


def test_reports_and_card_are_of_these_classes_alone(own: Own) -> None:
    report = json.loads((own.run / "evaluation.json").read_text())
    assert list(report["splits"]["test"]["per_class"]) == list(LABELS)
    assert np.shape(report["splits"]["test"]["confusion"]) == (3, 3)
    for text in ((own.run / "evaluation.md").read_text(), (own.exported / "README.md").read_text()):
        assert "mouth open" in text
        assert not any(word in text for word in ("original project", "FER+", "angry"))


def test_commands_follow_the_labels(own: Own, command, tmp_path: Path) -> None:
    model = own.exported / "model.int8.onnx"
    face = next((own.faces / "test" / "smile").iterdir())
    done = command("fer_zoo.predict", face, "--model", model, "--format", "json", "--language", "id", "--top-k", 9)
    (answer,) = json.loads(done.stdout)["faces"] if "faces" in done.stdout else json.loads(done.stdout)
    assert {entry["label"] for entry in answer["expressions"]} == set(LABELS)
    # Without --data, on what the model was trained on.
    done = command("fer_zoo.evaluate", own.run / "model.keras", "--output", tmp_path / "report", backend="tensorflow")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report" / "evaluation.json").read_text())["splits"]["test"]["n"] == 24
    done = command("fer_zoo.evaluate", model, "--data", "data/fer2013_sample.zip", "--output", tmp_path / "other")
    assert done.returncode == 2
    assert "no images of the class mouth open, no smile, smile; there are angry, disgust" in done.stderr


def test_the_server_and_its_page_name_the_classes(own: Own) -> None:
    models = chosen_models([str(own.run)])
    (entry,) = catalog(models, models[0]).models
    assert entry.labels == entry.labels_indonesian == list(LABELS)
    assert (entry.task, entry.data_set, entry.test_images) == ("your own models", None, 24)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--teachers", "fernet_nano", "--distillation-weight", 0.5), "teachers must have those of the data"),
        (("--ferplus", "data/ferplus_sample.csv"), "FER+'s votes are for FER2013's expressions, not for mouth open"),
        (("--ferplus-labels",), "leave --ferplus and --ferplus-labels out"),
        (("--classes", "smile,frown"), "no images of the class frown; there are mouth open, no smile, smile"),
        (("--model-options", "classes=4"), "the number of classes follows from the labels"),
    ],
)
def test_what_knows_fer2013_alone_is_refused(own: Own, command, tmp_path: Path, options: tuple, words: str) -> None:
    done = command("fer_zoo.train", *_OPTIONS, "--data", own.faces, "--output", tmp_path / "run", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "run" / "model.keras").exists()


def test_ensembles_with_models_of_other_classes_are_refused(own: Own, command, root: Path, tmp_path: Path) -> None:
    models = own.run / "model.keras", root / "artifacts" / "fernet_nano" / "model.keras"
    done = command("fer_zoo.ensemble", *models, "--data", own.faces, "--output", tmp_path / "pair")
    assert done.returncode == 2
    assert "only models of the same classes can be combined" in done.stderr
