"""Formats numbers as cells of tables; `-` stands for a missing value."""

from __future__ import annotations

from fer_zoo.text import plural


def percent(value: float | None, digits: int = 2) -> str:
    """A share in 0..1 as a percentage."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def percent_interval(interval: tuple[float, float] | None) -> str:
    """An interval of shares as percentages."""
    return "-" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %"


def points(value: float | None) -> str:
    """A difference of two shares in percentage points."""
    return "-" if value is None else f"{100 * value:+.2f}"


def points_interval(interval: tuple[float, float] | None) -> str:
    """An interval of differences in percentage points."""
    return "-" if interval is None else f"{points(interval[0])} to {points(interval[1])}"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{number(value)} ms"


def ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def number(value: float | None) -> str:
    """Three significant digits, never in scientific notation above 0.001."""
    if value is None:
        return "-"
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def size(count: int | float | None) -> str:
    """Bytes as kB or MB (powers of ten)."""
    if count is None:
        return "-"
    return f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{number(count / 1e6)} MB"


def setting(batch: int, threads: int) -> str:
    """Batch size and number of threads as text, for example `batch 1, 2 threads`."""
    return f"batch {batch}, {plural(threads, 'thread')}"
