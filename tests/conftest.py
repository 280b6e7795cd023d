"""Fixtures that several packages share.

What makes a test cheap: a command runs through `command`, other code that needs a certain backend through `on_backend`;
both reuse a process. What several files read is made by `made_once`. Only what is about processes starts one.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import importlib.util
import math
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

# Read when NumPy loads. Products of small matrices take forty times as long where several threads wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from commands import run_command
from filelock import FileLock
from make_models import make_models
from needs import EXPORT, need
from PIL import Image
from workers import Workers, collect_once, undrawn_plot

from fer_zoo import console
from fer_zoo.data import load_dataset
from fer_zoo.data.dataset import BUNDLED

ROOT = Path(__file__).parent.parent

MakeOnce = Callable[[str, Callable[[Path], object]], Path]

# XLA compiles several times as fast, and what it compiles runs for moments here. It exits at a flag it does not know.
XLA_FLAGS = ["--xla_backend_optimization_level=0"]
if importlib.util.find_spec("jax") and importlib.metadata.version("jax").startswith("0.10."):
    XLA_FLAGS += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
os.environ.setdefault("XLA_FLAGS", " ".join(XLA_FLAGS))

# Many tests run JAX in processes of their own: what one has compiled, the others take.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="jax")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


collect_once()


# Files that share what takes long stay in one process of pytest-xdist: there Keras on JAX and on torch start once, and
# nobody waits for an export that another process makes.
TOGETHER = {
    "backends": (
        "test_backends_agree.py",
        "test_keras_assumptions.py",
        "test_sharding.py",
        "benchmarks/test_benchmark_command.py",
        "inference/test_embed.py",
        "inference/test_predictor.py",
        "models/test_models.py",
        "models/test_weights.py",
        "training/test_acceleration.py",
        "training/test_run.py",
        "training/test_transfer.py",
    ),
    "exports": (
        "export/test_card.py",
        "export/test_export_command.py",
        "export/test_export_files.py",
        "export/test_population.py",
    ),
    "FER2013": ("data/test_bundle.py", "data/test_check.py", "data/test_ferplus.py", "data/test_training_data.py"),
}
_GROUPS = {ROOT / "tests" / name: group for group, names in TOGETHER.items() for name in names}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """What `--dist loadfile` does, with each group of files in place of its files."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return _GROUPS.get(config.rootpath / file, file)

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups and files with slow tests come first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    groups = list(TOGETHER)

    def place(item: pytest.Item) -> int:
        if (group := _GROUPS.get(item.path)) is not None:
            return groups.index(group)
        return len(groups) + (item.path not in slow)

    items.sort(key=place)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """`made_once(NAME, function)`: a folder that the function filled, once for all processes of pytest-xdist.

    Tests only read what is in it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def make(name: str, function: Callable[[Path], object]) -> Path:
        folder, finished = base / f"made-{name}", base / f"made-{name}.finished"
        with FileLock(base / f"made-{name}.lock"):
            if not finished.exists():
                folder.mkdir()
                function(folder)
                finished.touch()
        return folder

    return make


@pytest.fixture(scope="session", autouse=True)
def _own_cache(made_once: MakeOnce) -> None:
    """Tests decode into a cache of their own, never the user's."""
    os.environ["FER_ZOO_CACHE"] = str(made_once("cache", lambda folder: None))


@pytest.fixture(scope="session", autouse=True)
def _no_progress_lines() -> None:
    """How long a test takes does not decide what is printed."""
    console.LINE_SECONDS = math.inf


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of large inputs beside the checkout, which users do not have."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is not here (the full FER2013 and the photos live there)")
    return folder


@pytest.fixture(scope="session")
def part_of_bundle() -> Callable[[Path, int], Path]:
    """Write a zip with every `step`-th image of the bundled sample: the same bytes each time, decoded only once."""

    def write(path: Path, step: int) -> Path:
        with zipfile.ZipFile(BUNDLED) as source, zipfile.ZipFile(path, "w") as target:
            for info in [info for info in source.infolist() if info.filename.endswith(".png")][::step]:
                target.writestr(info, source.read(info))
        return path

    return write


@pytest.fixture(scope="session")
def happy_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG of 480x480 pixels, in colour, with one happy face: one of FER2013's test images, enlarged."""
    face = Image.fromarray(load_dataset().subset("test").images[1020]).resize((240, 240), Image.Resampling.BICUBIC)
    photo = Image.new("RGB", (480, 480), "gray")
    photo.paste(face, (120, 120))
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    photo.save(path)
    return path


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots become one pixel, for tests that do not look at them: drawing those of a report takes a second.

    What runs by `on_backend` or `command` draws none anyway.
    """
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", undrawn_plot)


@pytest.fixture(scope="session")
def on_backend() -> Iterator[Workers]:
    """`on_backend("jax", function, …)`: what a function of a module returns in a process whose Keras runs on JAX."""
    workers = Workers()
    yield workers
    workers.close()


@pytest.fixture(scope="session")
def command(on_backend: Workers) -> Callable[..., CompletedProcess[str]]:
    """Run `python -m MODULE ARGUMENTS` as a user would, in a process that already runs Keras.

    Its backend is `backend`, else that of `--backend`, else the default; it runs in `folder`, else in the checkout;
    other keywords are environment variables.
    """

    def run(
        module: str, *arguments: object, backend: str | None = None, folder: Path = ROOT, **environment: str
    ) -> CompletedProcess[str]:
        words = list(map(str, arguments))
        if backend is None and "--backend" in words:
            backend = words[words.index("--backend") + 1]
        return on_backend(backend or on_backend.own, run_command, module, words, environment, folder)

    return run


@pytest.fixture(scope="session")
def model_files(made_once: MakeOnce, on_backend: Workers) -> Path:
    """A folder with one untrained model as `model.keras`, `model.onnx`, `model.tflite`, and some that do not fit."""
    need(*EXPORT)
    return made_once("models", lambda folder: on_backend("tensorflow", make_models, folder))
