"""Energy of the processor, where Linux lets this user read its counters (RAPL)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_COUNTERS = Path("/sys/class/powercap")

Result = TypeVar("Result")


class EnergyMeter:
    """Power of all processor packages together, of everything that runs on them.

    Args:
        folder: Where the kernel shows its counters.
    """

    def __init__(self, folder: Path = _COUNTERS) -> None:
        # `intel-rapl:0` is a package (on AMD too); `intel-rapl:0:1` is a part of it.
        packages = [path for path in folder.glob("intel-rapl:*") if path.name.count(":") == 1]
        self._packages = [path for path in packages if _read(path / "energy_uj") is not None]

    @property
    def readable(self) -> bool:
        return bool(self._packages)

    def watch(self, work: Callable[[], Result]) -> tuple[Result, float | None]:
        """Do `work` and return its result with the mean power meanwhile in watts, `None` where nobody tells."""
        before, start = self._counters(), time.perf_counter()
        result = work()
        seconds, after = time.perf_counter() - start, self._counters()
        if not self._packages or None in before or None in after:
            return result, None
        joules = 0.0
        for path, first, last in zip(self._packages, before, after, strict=True):
            assert first is not None
            assert last is not None
            # A counter starts again at 0 after its largest value.
            wrapped = (_read(path / "max_energy_range_uj") or 0) if last < first else 0
            joules += (last - first + wrapped) / 1e6
        return result, joules / seconds

    def _counters(self) -> list[int | None]:
        return [_read(path / "energy_uj") for path in self._packages]


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
