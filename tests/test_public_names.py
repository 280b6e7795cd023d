"""The names that `fer_zoo` offers: typed, documented by examples that run, and cheap to import."""

from __future__ import annotations

import doctest
import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fer_zoo
from fer_zoo import console
from fer_zoo.backend import select_backend

DOCUMENTED = [name for name in fer_zoo.__all__ if callable(getattr(fer_zoo, name))]
NEED_KERAS = {"build_model", "load_model", "train"}


def test_every_public_name_is_there_and_listed() -> None:
    assert fer_zoo.__all__ == sorted(fer_zoo.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    assert set(fer_zoo.__all__) - {"__version__"} == set(fer_zoo._MODULE_OF) <= set(dir(fer_zoo))
    with pytest.raises(AttributeError, match="no attribute 'classify'"):
        fer_zoo.classify  # noqa: B018


# What these hold is in no public type, and following it would take most of the time; .ci/run does.
_MYPY = """
[mypy]
mypy_path = tests
ignore_missing_imports = True
[mypy-IPython.*,jax.*,jaxlib.*,matplotlib.*]
follow_imports = skip
[mypy-public_types]
warn_unused_ignores = True
"""


@pytest.mark.slow
def test_mypy_sees_their_types(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    assert (root / "fer_zoo" / "py.typed").is_file()
    monkeypatch.chdir(root)
    (tmp_path / "mypy.ini").write_text(_MYPY)
    options = ("--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path / "cache"))
    output, errors, code = api.run([*options, "tests/public_types.py"])
    assert code == 0, output + errors


def test_importing_the_package_imports_none_of_them() -> None:
    code = (
        "import fer_zoo, sys; fer_zoo.TrainingConfig, fer_zoo.train, fer_zoo.list_models, fer_zoo.load_classifier\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'keras', 'tensorflow', 'jax', 'torch', 'sklearn'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_importing_a_command_does_not_shadow_the_function(name: str) -> None:
    function = getattr(fer_zoo, name)
    command = importlib.import_module(f"fer_zoo.{name}")
    importlib.reload(command)
    assert callable(command.main)
    assert getattr(fer_zoo, name) is function


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, happy_photo: Path, part_of_bundle: Callable[[Path, int], Path]
) -> Path:
    """What the examples read: a photo with one happy face, and a few images of FER2013."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copyfile(happy_photo, folder / "photo.jpg")
    part_of_bundle(folder / "faces.zip", 50)
    return folder


def _examples(name: str) -> Iterator[doctest.DocTest]:
    item = getattr(fer_zoo, name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(item, name, globs={}):
        if test.examples:
            yield test


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_examples_in_its_docstring_run(name: str, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in NEED_KERAS:
        pytest.importorskip("tensorflow")
        if select_backend() != "tensorflow":
            pytest.skip("Keras already runs on another backend than the example's")
    monkeypatch.chdir(files)
    monkeypatch.setattr(console.out, "quiet", True)
    tests = list(_examples(name))
    assert name in {test.name for test in tests}, f"{name} has no example"
    printed: list[str] = []
    for test in tests:
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=printed.append)
    assert not printed, "".join(printed)


def test_public_methods_have_examples_too() -> None:
    shown = {test.name for name in DOCUMENTED for test in _examples(name)}
    assert {"Classifier.analyze", "Classifier.embed", "Classifier.predict_proba", "FaceDetector.detect"} <= shown
