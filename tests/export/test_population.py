"""Files that answer for another population."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.inference import load_classifier
from fer_zoo.inference.prior import adapt, frequencies, normalized

COUNTS = [30, 2, 30, 60, 40, 40, 25]


@pytest.mark.slow
def test_an_export_for_a_population_answers_as_an_adapted_classifier(made: Path, command, tmp_path: Path) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["data"]["class_counts"] = COUNTS
    (run / "config.json").write_text(json.dumps(config))
    arguments = ("--data", made / "small.zip", "--formats", "onnx", "--leave-out", "onnx:int8")
    done = command("export", run / "model.keras", *arguments, "--prior", "happy=0.1,sad=0.5", backend="tensorflow")
    assert done.returncode == 0, done.stderr
    folder = run / "export-happy=0.1,sad=0.5"
    test = load_dataset(made / "small.zip").subset("test")
    exported = load_classifier(folder)
    original = load_classifier(run / "model.keras", backend="tensorflow")
    target = frequencies({"happy": 0.1, "sad": 0.5}, EXPRESSIONS, normalized(COUNTS))
    expected = adapt(original.predict_proba(test.images), normalized(COUNTS), target)
    np.testing.assert_allclose(exported.predict_proba(test.images), expected, atol=1e-5)
    np.testing.assert_allclose(exported.training_prior, target, atol=1e-9)
    # From there, the original's answers come back.
    back = load_classifier(folder, prior=dict(zip(EXPRESSIONS, COUNTS, strict=True)))
    np.testing.assert_allclose(back.predict_proba(test.images), original.predict_proba(test.images), atol=1e-5)
    np.testing.assert_allclose(original.training_prior, normalized(COUNTS))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("fernet_tiny", "--prior", "uniform"), "give --output FOLDER"),
        (("fernet_tiny", "--prior", "uniform", "--publish"), "leave out --publish"),
        (("fernet_tiny", "--prior", "estimate", "--output", "out"), "estimate them first"),
        (("fernet_ensemble_ferplus", "--prior", "uniform", "--output", "out"), "export one of them"),
        (("fernet_tiny", "--prior", "joy=1", "--output", "out"), "names a class 'joy'"),
    ],
)
def test_what_cannot_be_adapted(command, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    done = command("export", *(str(tmp_path / o) if o == "out" else o for o in options), backend="tensorflow")
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()
