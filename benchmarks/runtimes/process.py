"""One file in one runtime, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .registry import OWN_NODE, OWN_NODE_RUNNER, OWN_RUNNERS, Runtime

_RUNNERS = Path(__file__).with_name("runners")
# One thread for each library, so that times are comparable and processes side by side do not disturb each other.
_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "TVM_NUM_THREADS",
    )
}
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GLOG_minloglevel": "2"}


@dataclass(frozen=True)
class Limits:
    """How much is predicted with one file in one runtime, and how long that may take.

    Attributes:
        single_images: Test images that are predicted one at a time, in a fixed order; `None` is all. In batches, all
            are.
        seconds: Processor time for predicting single images, and half of it for batches; the images predicted until
            then are evaluated.
        timed_seconds: Processor time for timing the file in turns with the zoo's own runtime.
        process_seconds: Seconds on the clock for its process as a whole.
    """

    single_images: int | None = 1000
    seconds: float = 6.0
    timed_seconds: float = 1.0
    process_seconds: float = 900.0


@dataclass(frozen=True)
class Job:
    """The input of a process.

    Attributes:
        runtime: The runtime.
        environment: Folder where it is installed.
        model: The file as the runtime takes it.
        original: The file as the zoo has it.
        format: Format of the file.
        images: Raw float32 `[n, 48, 48, 1]`.
        folder: An empty folder; probabilities are written to `single.f32` and `batched.f32` there.
        core: The only core that it uses; `None` leaves it to the operating system.
    """

    runtime: Runtime
    environment: Path
    model: Path
    original: Path
    format: str
    images: Path
    folder: Path
    core: int | None = None


def run_job(job: Job, limits: Limits) -> dict[str, Any]:
    """Run a file in a runtime; return the facts that its process prints, or why there are none as `error`."""
    runtime = job.runtime
    own = OWN_NODE_RUNNER if runtime.is_node else OWN_RUNNERS.get(job.format)
    request = {
        "runner": str(_RUNNERS / runtime.runner),
        "reference": str(_RUNNERS / own) if runtime.timed and own else None,
        "model": str(job.model.resolve()),
        "reference_model": str(job.original.resolve()),
        "environment": str(job.environment),
        # Of npm, where a name may begin with @ itself.
        "package": next(iter(runtime.packages), "").rpartition("@")[0],
        "reference_package": OWN_NODE.rpartition("@")[0],
        "images": str(job.images.resolve()),
        "single_images": limits.single_images,
        **{name: str((job.folder / f"{name}.f32").resolve()) for name in ("single", "batched")},
        "seconds": limits.seconds,
        "batch_seconds": limits.seconds / 2,
        "timed_seconds": limits.timed_seconds,
        "core": job.core,
    }
    path = job.folder / "request.json"
    path.write_text(json.dumps(request), "utf-8")
    program = ["node"] if runtime.is_node else [str(job.environment / "bin" / "python"), "-P"]
    script = _RUNNERS / ("call.mjs" if runtime.is_node else "call.py")
    command = [*program, str(script), str(path.resolve())]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KERAS"))}
    variables = kept | _ONE_THREAD | _QUIET | runtime.variables
    try:
        facts = _output(command, variables, job.folder, limits.process_seconds)
    except FileNotFoundError as error:
        return {"error": f"{command[0]} is not installed ({error.strerror})"}
    except subprocess.TimeoutExpired:
        return {"error": f"it did not end within {limits.process_seconds:.0f} s"}
    # Errors quote paths, which are of this machine alone.
    for name in {"error", "batch_error"} & facts.keys():
        for path in (job.folder.resolve(), job.environment, job.model.resolve().parent):
            facts[name] = facts[name].replace(f"{path}/", "")
    return facts


def _output(command: list[str], variables: dict[str, str], folder: Path, seconds: float) -> dict[str, Any]:
    """The JSON that a command prints last; if it takes too long, it is ended with the programs that it has started."""
    with subprocess.Popen(
        command,
        env=variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            printed, errors = process.communicate(timeout=seconds)
        except BaseException:
            _end(process.pid)
            raise
    lines = printed.splitlines()
    if process.returncode or not lines:
        return {"error": f"its process ended with code {process.returncode}{_last_words(errors)}"}
    return json.loads(lines[-1])


def _end(pid: int) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (*process.children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                each.kill()


def _last_words(stderr: str) -> str:
    """The last output of a process that was ended, where native code writes the reason."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return f": {lines[-1][:200]}" if lines else ""
