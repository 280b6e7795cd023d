"""Expressions over time: rows for a CSV or JSON file, a summary, a plot."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from fer_zoo.errors import UsageError
from fer_zoo.faces.annotate import class_color
from fer_zoo.png import plain_axes, save_png
from fer_zoo.video.tracker import TrackedFace

# The plot has a panel for each of the faces longest in view; more panels would be too small to read.
_PANELS = 4

_COLUMNS = ("frame", "seconds", "face", "x", "y", "width", "height", "score", "label")


class Timeline:
    """The faces in each frame of a video.

    Args:
        labels: Names of the classes, in the order of the probabilities.
        empty: Whether frames without faces get a row, too.
    """

    def __init__(self, labels: Sequence[str], empty: bool = False) -> None:
        self.labels = list(labels)
        # Names of the probability columns: a class of your own may have the same name as another column.
        self._classes = [f"{label} (class)" if label in _COLUMNS else label for label in labels]
        self.frames = 0
        self.seconds = 0.0
        self._empty = empty
        self._rows: list[tuple[int, float, TrackedFace | None]] = []

    def add(self, number: int, seconds: float, faces: Sequence[TrackedFace]) -> None:
        """Add one frame; `seconds` is its time stamp."""
        self.frames += 1
        self.seconds = seconds
        self._rows += [(number, seconds, face) for face in faces]
        if self._empty and not faces:
            self._rows.append((number, seconds, None))

    def rows(self) -> list[dict[str, Any]]:
        """One row for each face in each frame: box, score, label and the smoothed probabilities."""
        return [
            {"frame": number, "seconds": round(seconds, 3)} | (self._face(face) if face else {"face": None})
            for number, seconds, face in self._rows
        ]

    def _face(self, face: TrackedFace) -> dict[str, Any]:
        return {
            "face": face.track,
            **dict(zip(_COLUMNS[3:7], (round(value, 1) for value in face.box), strict=True)),
            "score": round(face.score, 4),
            "label": self.labels[int(face.probabilities.argmax())],
            **{k: round(float(p), 4) for k, p in zip(self._classes, face.probabilities, strict=True)},
        }

    def to_csv(self) -> str:
        """`rows` as CSV with a header."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, [*_COLUMNS, *self._classes], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return buffer.getvalue()

    def summary(self) -> list[dict[str, Any]]:
        """For each face the time in view and the share of its frames with each label, the most frequent label first."""
        faces = []
        for track, frames in sorted(self._by_track().items()):
            counts = Counter(self.labels[int(face.probabilities.argmax())] for _, face in frames)
            shares = [{"label": label, "share": round(n / len(frames), 4)} for label, n in counts.most_common()]
            first, last = round(frames[0][0], 3), round(frames[-1][0], 3)
            faces.append({"face": track, "from": first, "to": last, "frames": len(frames), "expressions": shares})
        return faces

    def to_table(self) -> Table:
        """`summary` as a table for a terminal."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("face", "from", "to", "frames"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("expressions")
        for face in self.summary():
            shares = ", ".join(f"{escape(entry['label'])} {entry['share']:.0%}" for entry in face["expressions"])
            table.add_row(
                str(face["face"]), f"{face['from']:.1f} s", f"{face['to']:.1f} s", f"{face['frames']}", shares
            )
        return table

    def plot(self, path: Path) -> None:
        """Draw the probabilities of each expression over time, a panel for each of the faces longest in view.

        Raises:
            UsageError: matplotlib is not installed.
        """
        check_plot(path)
        from matplotlib.figure import Figure

        longest = sorted(self._by_track().items(), key=lambda item: -len(item[1]))[:_PANELS]
        panels = sorted(longest) or [(0, [])]
        figure = Figure(figsize=(10, 0.9 + 2.6 * len(panels)), layout="constrained")
        for axes, (track, frames) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
            seconds = np.array([time for time, _ in frames])
            smooth = np.array([face.probabilities for _, face in frames]).reshape(-1, len(self.labels))
            raw = np.array([face.raw for _, face in frames]).reshape(-1, len(self.labels))
            gaps = np.flatnonzero(np.diff(seconds) > 0.5) + 1
            for i, label in enumerate(self.labels):
                color = class_color(i)
                axes.plot(*_interrupted(seconds, raw[:, i], gaps), color=color, alpha=0.25, linewidth=0.6)
                axes.plot(*_interrupted(seconds, smooth[:, i], gaps), color=color, linewidth=1.8, label=label)
            top = smooth.argmax(axis=1)
            colors = [class_color(i) for i in top]
            axes.scatter(seconds, np.full(len(seconds), -0.06), c=colors, marker="s", s=12, clip_on=False)
            axes.set_ylim(-0.09, 1.02)
            axes.set_yticks([0, 0.5, 1])
            axes.set_xlim(0, max(self.seconds, 0.1))
            axes.set_ylabel(f"face {track}" if track else "no face was seen")
            plain_axes(axes, grid="both")
        figure.axes[-1].set_xlabel("seconds")
        figure.axes[0].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
        figure.suptitle("Probability of each expression, smoothed (thick) and of single frames (thin)", fontsize=11)
        save_png(figure, path)

    def _by_track(self) -> dict[int, list[tuple[float, TrackedFace]]]:
        tracks: dict[int, list[tuple[float, TrackedFace]]] = {}
        for _, seconds, face in self._rows:
            if face:
                tracks.setdefault(face.track, []).append((seconds, face))
        return tracks


def check_plot(path: Path) -> None:
    """Raise UsageError where `Timeline.plot` would."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path} is no name for a plot: it must end in .png")
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("the plot needs matplotlib, which is not installed; run `pip install 'fer-zoo[video]'`")


def _interrupted(x: np.ndarray, y: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line with gaps at the times when the face was out of view."""
    return np.insert(x, gaps, np.nan), np.insert(y, gaps, np.nan)
