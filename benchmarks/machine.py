"""The machine that a figure belongs to."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fer_zoo import __version__
from fer_zoo.cpu import cores
from fer_zoo.errors import FerZooError
from fer_zoo.packages import require

# Instructions that decide how fast int8, bfloat16 and float32 arithmetic can be.
_FLAGS = (
    *("avx2", "fma", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimddp", "i8mm", "bf16", "sve"),
)
_PACKAGES = ("numpy", "onnxruntime", "ai-edge-litert", "openvino", "keras", "tensorflow", "jax", "torch")
_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe() -> dict[str, Any]:
    """Processor, memory, system, versions, load and commit, as they are now."""
    require("cpuinfo", "psutil")
    import cpuinfo
    import psutil

    cpu = cpuinfo.get_cpu_info()
    flags = set(cpu.get("flags", ()))
    return {
        "cpu": cpu.get("brand_raw") or platform.processor(),
        "architecture": platform.machine(),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "os": platform.platform(),
        "python": platform.python_version(),
        "packages": {"fer-zoo": __version__} | {name: _version(name) for name in _PACKAGES if _version(name)},
        "load_average": list(psutil.getloadavg()),
        "commit": _commit(),
    }


def peak_gmacs(threads: int) -> float:
    """Billions of float32 multiply-accumulates a second of NumPy's matrix product, a roof for every model here."""
    return float(run_child("studies.gemm", env=dict.fromkeys(_BLAS_THREADS, str(threads))))


def run_child(module: str, *arguments: object, env: dict[str, str] | None = None, content: bytes = b"") -> str:
    """Run a module of this package in a fresh Python process and return what it printed.

    Raises:
        FerZooError: It failed; the message is the last line of its error output.
    """
    assert __package__
    # Wherever this package was imported from, the child must find it there too.
    home = str(Path(__file__).resolve().parents[__package__.count(".") + 1])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path} | (env or {}),
        input=content,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise FerZooError(lines[-1] if lines else f"the process ended with code {done.returncode}")
    return done.stdout.decode()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    checkout = Path(__file__).resolve().parents[1]
    if not (checkout / ".git").exists():  # An installed wheel may lie inside somebody else's repository.
        return None
    git = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
