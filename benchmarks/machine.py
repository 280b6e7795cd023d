"""Describes the machine that a figure was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fer_zoo import __version__
from fer_zoo.cpu import cores
from fer_zoo.errors import FerZooError
from fer_zoo.packages import installed_version, require

# Instructions that decide how fast int8, bfloat16 and float32 arithmetic can be.
_FLAGS = (
    *("avx2", "fma", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimddp", "i8mm", "bf16", "sve"),
)
_PACKAGES = ("numpy", "onnxruntime", "ai-edge-litert", "openvino", "keras", "tensorflow", "jax", "torch")
_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Platform:
    """Processor and software: on equal platforms, the predictions of a model are equal.

    Attributes:
        cpu: Name of the processor.
        cores: Number of cores that this process may use.
        os: Operating system and its version.
        python: Version of Python.
        packages: Version of each package that takes part in computing predictions, by name.
    """

    cpu: str
    cores: int
    os: str
    python: str
    packages: dict[str, str]


@dataclass(frozen=True)
class Machine(Platform):
    """A platform with everything that affects its speed.

    Attributes:
        architecture: Name of the architecture, such as `x86_64`.
        flags: Instruction sets for fast arithmetic that the processor has.
        memory_gb: Memory in units of 2^30 bytes.
        load_average: Mean number of running or waiting processes over one, five and fifteen minutes.
        commit: Git commit of the checkout; `None` in an installed package.
    """

    architecture: str
    flags: tuple[str, ...]
    memory_gb: float
    load_average: tuple[float, ...]
    commit: str | None = None

    @property
    def platform(self) -> Platform:
        """The part that must be equal for results to belong together."""
        return Platform(self.cpu, self.cores, self.os, self.python, self.packages)

    @property
    def busy(self) -> bool:
        """Whether other programs were running, so that measured times are too long."""
        return self.load_average[0] > self.cores / 2


def now() -> str:
    """Date and time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe() -> Machine:
    """This machine as it is now."""
    require("cpuinfo", "psutil")
    import psutil

    cpu = _cpu()
    flags = set(cpu.get("flags", ()))
    return Machine(
        cpu=cpu.get("brand_raw") or platform.processor(),
        cores=cores(),
        os=platform.platform(),
        python=platform.python_version(),
        packages={"fer-zoo": __version__} | {name: v for name in _PACKAGES if (v := installed_version(name))},
        architecture=platform.machine(),
        flags=tuple(flag for flag in _FLAGS if flag in flags),
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        load_average=tuple(psutil.getloadavg()),
        commit=_commit(),
    )


@cache
def _cpu() -> dict[str, Any]:
    """The output of py-cpuinfo, which needs a second and a process of its own."""
    import cpuinfo

    return cpuinfo.get_cpu_info()


def peak_gmacs(threads: int, seconds: float) -> float:
    """Billions of float32 multiply-accumulates per second of NumPy's matrix product, an upper limit for every model."""
    return float(run_child("studies.gemm", seconds, env=dict.fromkeys(_BLAS_THREADS, str(threads))))


def run_child(module: str, *arguments: object, env: dict[str, str] | None = None, content: bytes = b"") -> str:
    """Run a module of this package in a fresh Python process and return what it printed.

    Raises:
        FerZooError: The process failed; the message is the last line of its error output.
    """
    assert __package__
    # Wherever this package was imported from, the child must find it there too.
    home = str(Path(__file__).resolve().parents[__package__.count(".") + 1])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    process = subprocess.run(
        [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path} | (env or {}),
        input=content,
        capture_output=True,
        check=False,
    )
    if process.returncode:
        lines = process.stderr.decode(errors="replace").strip().splitlines()
        raise FerZooError(lines[-1] if lines else f"the process ended with code {process.returncode}")
    return process.stdout.decode()


def _commit() -> str | None:
    checkout = Path(__file__).resolve().parents[1]
    if not (checkout / ".git").exists():  # An installed wheel may lie inside somebody else's repository.
        return None
    git = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
