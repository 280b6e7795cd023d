"""The processor: cores that this process may use, and support for bfloat16."""

from __future__ import annotations

import os
from pathlib import Path


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_fast_bfloat16() -> bool | None:
    """Whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX); `None` if unknown."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return None
    flags = cpuinfo.read_text("utf-8")
    return "avx512_bf16" in flags or "amx_bf16" in flags or " bf16" in flags
