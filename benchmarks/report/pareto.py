"""The front of accuracy, latency and size, as names and as inline SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from typing import Any

from .tables import at, number, of_fer2013, percent, plural, settings_of, size

Row = dict[str, Any]

_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 30, 44
_COLORS = {"fp32": "#0072b2", "fp16": "#56b4e9", "int8": "#d55e00", "dynamic": "#e69f00"}


def front(report: Row) -> list[str]:
    """Names of the artifacts that no other beats in all of accuracy, latency (smallest setting) and bytes."""
    shown = _shown(report)
    costs = [(-_accuracy(a), _p50(report, a), a["bytes"]) for a in shown]

    def beaten(i: int) -> bool:
        return any(
            j != i and all(b <= a for a, b in zip(costs[i], other, strict=True)) and other != costs[i]
            for j, other in enumerate(costs)
        )

    return [artifact["name"] for i, artifact in enumerate(shown) if not beaten(i)]


def draw_front(report: Row) -> str:
    """Two panels, accuracy against p50 and against bytes, the points on the front filled."""
    shown, best = _shown(report), set(front(report))
    batch, threads = settings_of(report)[0]
    panels = (
        (f"p50 in ms, batch {batch}, {plural(threads, 'thread')}", lambda artifact: _p50(report, artifact)),
        ("file size in kB", lambda artifact: artifact["bytes"] / 1e3),
    )
    drawn = (
        f'<g transform="translate({i * (_WIDTH + 20)})">{_panel(report, shown, best, label, cost)}</g>'
        for i, (label, cost) in enumerate(panels)
    )
    width = 2 * _WIDTH + 20
    return (
        f'<svg class="front" viewBox="0 0 {width} {_HEIGHT + 24}" width="{width}" role="img" '
        f'aria-label="Accuracy against latency and size">{"".join(drawn)}{_legend(shown)}</svg>'
    )


def _shown(report: Row) -> list[Row]:
    settings = settings_of(report)
    if not settings:
        return []
    sound = (a for a in report["artifacts"] if a["status"] not in ("failed", "error"))
    return [a for a in sound if "evaluation" in a and at(a, *settings[0]) and of_fer2013(a)]


def _accuracy(artifact: Row) -> float:
    return artifact["evaluation"]["accuracy"]


def _p50(report: Row, artifact: Row) -> float:
    return (at(artifact, *settings_of(report)[0]) or {})["p50_ms"]


def _panel(report: Row, shown: list[Row], best: set[str], label: str, cost: Callable[[Row], float]) -> str:
    costs = [cost(artifact) for artifact in shown]
    gains = [100 * _accuracy(artifact) for artifact in shown]
    low, high = math.log10(min(costs)) - 0.1, math.log10(max(costs)) + 0.1
    middle, half = (min(gains) + max(gains)) / 2, max((max(gains) - min(gains)) * 0.65, 1.0)

    def x(value: float) -> float:
        return _LEFT + (math.log10(value) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (middle + half - value) / (2 * half) * (_HEIGHT - _TOP - _BOTTOM)

    bottom = _HEIGHT - _BOTTOM
    parts = [f'<text x="{_LEFT}" y="16" class="title">accuracy in % against {label}</text>']
    for value in _ticks(middle - half, middle + half):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    decades = range(math.floor(low), math.ceil(high) + 1)
    for value in (factor * 10.0**decade for decade in decades for factor in (1, 2, 5)):
        if low <= math.log10(value) <= high:
            parts.append(f'<line class="grid" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_TOP}" y2="{bottom}"/>')
            parts.append(f'<text x="{x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for artifact, across, up in zip(shown, costs, gains, strict=True):
        color = _COLORS[artifact["precision"]]
        fill = color if artifact["name"] in best else "none"
        words = f"{artifact['name']}: {percent(_accuracy(artifact))}, {number(_p50(report, artifact))} ms, "
        mark = f'stroke="{color}" stroke-width="2" fill="{fill}"'
        parts.append(
            f"<g>{_mark(artifact['format'], x(across), y(up), mark)}"
            f"<title>{html.escape(words + size(artifact['bytes']))}</title></g>"
        )
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Whole multiples of a round step between `low` and `high`, about five."""
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if (high - low) / step <= 6)
    return [round(step * i, 6) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _mark(format: str, x: float, y: float, style: str) -> str:
    if format == "tflite":
        return f'<path d="M{x:.1f} {y - 7:.1f}l7 12h-14z" {style}/>'
    if format == "keras":
        return f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" {style}/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" {style}/>'


def _legend(shown: list[Row]) -> str:
    entries = [(f, "#888888") for f in ("keras", "onnx", "tflite") if any(a["format"] == f for a in shown)]
    entries += [(p, color) for p, color in _COLORS.items() if any(a["precision"] == p for a in shown)]
    parts = []
    for i, (name, color) in enumerate(entries):
        style = f'stroke="{color}" stroke-width="2" fill="none"'
        left = _LEFT + 90 * i
        parts.append(_mark(name, left, _HEIGHT + 10, style) + f'<text x="{left + 12}" y="{_HEIGHT + 14}">{name}</text>')
    return "".join(parts) + f'<text x="{_LEFT + 90 * len(entries)}" y="{_HEIGHT + 14}">filled: on the front</text>'
