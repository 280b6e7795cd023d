"""Expressions over time: rows for a CSV or JSON file, a summary, a plot."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from fer_zoo.errors import UsageError
from fer_zoo.faces.annotate import class_color
from fer_zoo.png import new_figure, plain_axes, save_png
from fer_zoo.video.listener import Moment
from fer_zoo.video.tracker import TrackedFace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The plot has a panel for each of the faces longest in view; more panels would be too small to read.
_PANELS = 4

_COLUMNS = ("frame", "seconds", "face", "x", "y", "width", "height", "score", "label")


class Timeline:
    """The faces in each frame of a video.

    Args:
        labels: Names of the classes, in the order of the probabilities.
        empty: Whether frames without faces get a row, too.
        voices: Names of the voice's classes; with them rows say what is heard, and frames without faces get a row where
            somebody speaks.
    """

    def __init__(self, labels: Sequence[str], empty: bool = False, voices: Sequence[str] = ()) -> None:
        self.labels = list(labels)
        # Names of the probability columns: a class of your own may have the same name as another column.
        self._classes = [f"{label} (class)" if label in _COLUMNS else label for label in labels]
        self.frames = 0
        self.seconds = 0.0
        self._empty = empty
        self._voices = [f"voice_{label}" for label in voices]
        self._rows: list[tuple[int, float, TrackedFace | None, Moment]] = []
        self._heard: list[tuple[float, np.ndarray, np.ndarray]] = []

    def add(self, number: int, seconds: float, faces: Sequence[TrackedFace], moment: Moment | None = None) -> None:
        """Add one frame; `seconds` is its time stamp, `moment` what is heard then."""
        self.frames += 1
        self.seconds = seconds
        moment = moment or Moment()
        self._rows += [(number, seconds, face, moment) for face in faces]
        if not faces and (self._empty or moment.voice is not None):
            self._rows.append((number, seconds, None, moment))
        if moment.voice is not None and moment.alone is not None:
            self._heard.append((seconds, moment.voice, moment.alone))

    def rows(self) -> list[dict[str, Any]]:
        """One row for each face in each frame: box, score, label and the smoothed probabilities.

        With a voice, `source` says whether these are of the `face`, the `voice` or `both`, and the columns of the
        voice's classes what the voice alone says.
        """
        return [
            {"frame": number, "seconds": round(seconds, 3)} | self._face(face, moment) | self._voice(face, moment)
            for number, seconds, face, moment in self._rows
        ]

    def _face(self, face: TrackedFace | None, moment: Moment) -> dict[str, Any]:
        if face is None:
            return {"face": None} if moment.alone is None else {"face": None} | self._expression(moment.alone)
        return {
            "face": face.track,
            **dict(zip(_COLUMNS[3:7], (round(value, 1) for value in face.box), strict=True)),
            "score": round(face.score, 4),
            **self._expression(face.probabilities),
        }

    def _expression(self, probabilities: np.ndarray) -> dict[str, Any]:
        return {
            "label": self.labels[int(probabilities.argmax())],
            **{k: round(float(p), 4) for k, p in zip(self._classes, probabilities, strict=True)},
        }

    def _voice(self, face: TrackedFace | None, moment: Moment) -> dict[str, Any]:
        if not self._voices:
            return {}
        source = "both" if moment.fused else "face" if face else None if moment.voice is None else "voice"
        heard = [None] * len(self._voices) if moment.voice is None else [round(float(p), 4) for p in moment.voice]
        return {"source": source} | dict(zip(self._voices, heard, strict=True))

    def to_csv(self) -> str:
        """`rows` as CSV with a header."""
        buffer = io.StringIO()
        columns = [*_COLUMNS, *self._classes, *(("source", *self._voices) if self._voices else ())]
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return buffer.getvalue()

    def summary(self) -> list[dict[str, Any]]:
        """For each face the time in view and the share of its frames with each label, the most frequent label first."""
        return [
            {"face": track} | self._shares([(seconds, face.probabilities) for seconds, face in frames])
            for track, frames in sorted(self._by_track().items())
        ]

    def voice_summary(self) -> dict[str, Any] | None:
        """The same for the voice alone, over the frames in which somebody speaks; `None` without any."""
        return self._shares([(seconds, alone) for seconds, _, alone in self._heard]) if self._heard else None

    def _shares(self, frames: Sequence[tuple[float, np.ndarray]]) -> dict[str, Any]:
        counts = Counter(self.labels[int(probabilities.argmax())] for _, probabilities in frames)
        shares = [{"label": label, "share": round(n / len(frames), 4)} for label, n in counts.most_common()]
        first, last = round(frames[0][0], 3), round(frames[-1][0], 3)
        return {"from": first, "to": last, "frames": len(frames), "expressions": shares}

    def to_table(self) -> Table:
        """`summary` as a table for a terminal."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("face", "from", "to", "frames"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("expressions")
        voice = self.voice_summary()
        for face in [*self.summary(), *([{"face": "voice"} | voice] if voice else [])]:
            shares = ", ".join(f"{escape(entry['label'])} {entry['share']:.0%}" for entry in face["expressions"])
            table.add_row(
                str(face["face"]), f"{face['from']:.1f} s", f"{face['to']:.1f} s", f"{face['frames']}", shares
            )
        return table

    def plot(self, path: Path) -> None:
        """Draw the probabilities of each expression over time, a panel for each of the faces longest in view.

        With a voice, one more panel has what the voice alone says.

        Raises:
            UsageError: matplotlib is not installed.
        """
        check_plot(path)
        longest = sorted(self._by_track().items(), key=lambda item: -len(item[1]))[:_PANELS]
        panels = sorted(longest) or [(0, [])]
        count = len(panels) + bool(self._voices)
        figure = new_figure(10, 0.9 + 2.6 * count)
        grid = figure.subplots(count, squeeze=False)[:, 0]
        if self._voices:
            self._plot_voice(grid[-1])
        for axes, (track, frames) in zip(grid[: len(panels)], panels, strict=True):
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
            self._finish(axes, f"face {track}" if track else "no face was seen")
        figure.axes[-1].set_xlabel("seconds")
        figure.axes[0].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
        figure.suptitle("Probability of each expression, smoothed (thick) and of single frames (thin)", fontsize=11)
        save_png(figure, path)

    def _plot_voice(self, axes: Axes) -> None:
        """The probabilities of the voice's classes, in the colours that the faces' classes of these names have."""
        seconds = np.array([time for time, _, _ in self._heard])
        heard = np.array([voice for _, voice, _ in self._heard]).reshape(-1, len(self._voices))
        gaps = np.flatnonzero(np.diff(seconds) > 0.5) + 1
        for i, name in enumerate(self._voices):
            color = class_color(self.labels.index(name.removeprefix("voice_")))
            axes.plot(*_interrupted(seconds, heard[:, i], gaps), color=color, linewidth=1.8)
        self._finish(axes, "voice" if self._heard else "nobody was heard")

    def _finish(self, axes: Axes, label: str) -> None:
        axes.set_ylim(-0.09, 1.02)
        axes.set_yticks([0, 0.5, 1])
        axes.set_xlim(0, max(self.seconds, 0.1))
        axes.set_ylabel(label)
        plain_axes(axes, grid="both")

    def _by_track(self) -> dict[int, list[tuple[float, TrackedFace]]]:
        tracks: dict[int, list[tuple[float, TrackedFace]]] = {}
        for _, seconds, face, _ in self._rows:
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
