"""Measure the float32 matrix product of this machine: `python -m benchmarks.studies.gemm SECONDS` prints GMAC/s.

A process of its own, since a BLAS takes its number of threads from the environment when it loads.
"""

from __future__ import annotations

import sys
import time

import numpy as np


def main(seconds: float, size: int = 1024) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size), np.float32) for _ in range(2))
    product = np.empty_like(a)
    best = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(a, b, out=product)
        best = min(best, time.perf_counter() - start)
    print(size**3 / best / 1e9)


if __name__ == "__main__":
    main(float(sys.argv[1]))
