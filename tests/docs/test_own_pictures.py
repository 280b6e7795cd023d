"""The commands of docs/train.md for pictures and labels of one's own, from a folder to a phone and to the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from documented import IN_ORDER, marked, ours, row
from PIL import Image

from fer_zoo.cli.serve import main as serve
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.inference import load_classifier
from fer_zoo.serve.catalog import catalog, chosen_models
from fer_zoo.zoo import labels_of, load_manifest
from fer_zoo.zoo.keras_file import keras_labels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

LABELS = ("mouth open", "no smile", "smile")
_FOLDERS = {"surprise": "mouth open", "neutral": "no smile", "happy": "smile"}
_OPTIONS = ("--model", "fernet_nano", "--backend", "tensorflow", "--epochs", 1)


@dataclass(frozen=True)
class Own:
    """A folder in which the commands of docs/train.md were run: `pictures/`, `faces/` and `runs/mine/`, exported."""

    folder: Path
    printed: list[str]

    @property
    def run(self) -> Path:
        return self.folder / "runs" / "mine"


@pytest.fixture(scope="module")
def own(made_once: Callable[[str, Callable[[Path], object]], Path], happy_photo: Path, root: Path, command) -> Own:
    """FER2013's faces of three expressions in folders of other names, and what the commands made of them."""

    def make(folder: Path) -> None:
        train = load_dataset().subset("train")
        for expression, name in _FOLDERS.items():
            (folder / "pictures" / name).mkdir(parents=True)
            for index in np.flatnonzero(train.labels == EXPRESSIONS.index(expression))[:20]:
                Image.fromarray(train.images[index]).save(folder / "pictures" / name / f"{index}.png")
        shutil.copy(happy_photo, folder / "pictures" / "smile" / "photo.jpg")
        shutil.copy(root / "docs" / "images" / "astronaut.jpg", folder / "photo.jpg")
        printed = []
        codes = marked("docs/train.md", "own-pictures")
        assert len(codes) == len(IN_ORDER) == 5
        more = "python -m export runs/mine/model.keras --calibration 16 --leave-out onnx:fp32 tflite:fp32 tflite:fp16"
        for text in (*(f"{code.text} {IN_ORDER[row(code, IN_ORDER)]}" for code in codes), more):
            module, arguments = ours(text)
            done = command(module, *arguments, folder=folder, backend="tensorflow")
            assert done.returncode == 0, f"{text}: {done.stdout}{done.stderr}"
            printed.append(done.stdout + done.stderr)
        (folder / "printed.json").write_text(json.dumps(printed))

    folder = made_once("own-pictures", make)
    return Own(folder, json.loads((folder / "printed.json").read_text()))


def test_what_the_commands_say(own: Own) -> None:
    cropped, trained, measured, exported, predicted, _ = own.printed
    assert "61 faces written" in cropped
    assert "60 images of at most 64 pixels taken as faces" in cropped
    assert "classes: mouth open, no smile, smile" in trained
    assert "there are no folders train and test: 12 images of 61 are held out as test images" in trained
    assert "a tenth held out of the 49 training images, 5 of them" in trained
    assert "report: runs/evaluate/mine-model.keras/evaluation.md" in measured
    assert "3 files for phones are in" in exported
    assert any(label in predicted for label in LABELS)


def test_the_files_for_phones_have_the_labels_in_the_language_they_were_given_in(own: Own) -> None:
    folder = own.run / "export" / "mobile"
    assert (folder / "labels.txt").read_text().splitlines() == list(LABELS)
    assert not list(folder.glob("labels_*.txt"))
    assert "Indonesian" not in (folder / "README.md").read_text()


def test_the_run_and_every_file_tell_the_labels(own: Own, tmp_path: Path) -> None:
    assert json.loads((own.run / "config.json").read_text())["data"]["labels"] == list(LABELS)
    assert keras_labels(own.run / "model.keras") == LABELS
    for artifact in load_manifest(own.run / "export"):
        assert (tuple(artifact.output["labels"]), artifact.task) == (LABELS, "own images")
        # Alone, without the manifest and the config beside it.
        path = Path(shutil.copy(own.run / "export" / artifact.path, tmp_path))
        if artifact.format == "keras":
            assert labels_of(path, 3) == LABELS
        else:
            assert load_classifier(path).labels == LABELS


def test_reports_and_card_are_of_these_classes_alone(own: Own) -> None:
    report = json.loads((own.run / "evaluation.json").read_text())
    assert list(report["splits"]["test"]["per_class"]) == list(LABELS)
    assert np.shape(report["splits"]["test"]["confusion"]) == (3, 3)
    for text in ((own.run / "evaluation.md").read_text(), (own.run / "export" / "README.md").read_text()):
        assert "mouth open" in text
        assert not any(word in text for word in ("original project", "FER+", "angry"))


def test_commands_follow_the_labels(own: Own, command, tmp_path: Path) -> None:
    model = own.run / "export" / "model.int8.onnx"
    face = next((own.folder / "faces" / "smile").iterdir())
    done = command("fer_zoo.predict", face, "--model", model, "--format", "json", "--language", "id", "--top-k", 9)
    (answer,) = json.loads(done.stdout)["predictions"]
    assert {entry["label"] for entry in answer["expressions"]} == set(LABELS)
    done = command("fer_zoo.evaluate", model, "--data", "data/fer2013_sample.zip", "--output", tmp_path / "other")
    assert done.returncode == 2
    assert "no images of the class mouth open, no smile, smile; there are angry, disgust" in done.stderr


def test_the_server_and_its_page_name_the_classes(own: Own, tmp_path: Path) -> None:
    models = chosen_models([str(own.run)])
    (entry,) = catalog(models, models[0]).models
    assert entry.labels == entry.labels_indonesian == list(LABELS)
    assert (entry.task, entry.data_set, entry.test_images) == ("your own models", None, 12)
    assert serve(["--build", str(tmp_path / "page"), "--model", str(own.run)]) == 0
    (model,) = json.loads((tmp_path / "page" / "models.json").read_text())["models"]
    assert model["labels"] == list(LABELS)
    assert (tmp_path / "page" / model["file"]).read_bytes() == (own.run / "export" / "model.int8.onnx").read_bytes()


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
    done = command("fer_zoo.train", *_OPTIONS, "--data", own.folder / "faces", "--output", tmp_path / "run", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "run" / "model.keras").exists()


def test_an_ensemble_of_models_of_these_classes_has_them_too(own: Own, command, tmp_path: Path) -> None:
    model = own.run / "model.keras"
    done = command(
        "fer_zoo.ensemble", model, model, "--output", tmp_path / "pair", backend="tensorflow", folder=own.folder
    )
    assert done.returncode == 0, done.stderr
    assert keras_labels(tmp_path / "pair" / "model.keras") == LABELS
    assert json.loads((tmp_path / "pair" / "evaluation.json").read_text())["splits"]["test"]["n"] == 12


def test_ensembles_with_models_of_other_classes_are_refused(own: Own, command, root: Path, tmp_path: Path) -> None:
    models = own.run / "model.keras", root / "artifacts" / "fernet_nano" / "model.keras"
    done = command("fer_zoo.ensemble", *models, "--data", own.folder / "faces", "--output", tmp_path / "pair")
    assert done.returncode == 2
    assert "only models of the same classes can be combined" in done.stderr
