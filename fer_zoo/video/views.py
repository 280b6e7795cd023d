"""Displays live results in a window, or as bars in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.faces.annotate import class_color
from fer_zoo.video.tracker import TrackedFace

_BAR = 24


class View(Protocol):
    """A display for live results."""

    def show(self, picture: np.ndarray, faces: Sequence[TrackedFace]) -> bool:
        """Display the next frame, uint8 `[h, w, 3]` with the faces drawn in; false when the user wants to stop."""

    def close(self) -> None: ...


class Window:
    """A window of Tk, which comes with Python; it closes with Escape or q.

    Raises:
        UsageError: There is no Tk or no screen.
    """

    def __init__(self, title: str) -> None:
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError as error:
            raise UsageError(
                "a window needs Tk, which is not installed; install python3-tk or use --no-window"
            ) from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise UsageError(f"a window cannot be opened ({error}); use --no-window") from error
        self._root.title(title)
        self._open = True
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._photo: Any = None
        self._make = ImageTk.PhotoImage
        self._root.protocol("WM_DELETE_WINDOW", self._end)
        for key in ("<Escape>", "q"):
            self._root.bind(key, lambda event: self._end())

    def show(self, picture: np.ndarray, faces: Sequence[TrackedFace]) -> bool:
        # Without this reference Python would free the image, and Tk would display nothing.
        self._photo = self._make(Image.fromarray(picture), master=self._root)
        self._label.configure(image=self._photo)
        self._root.update()
        return self._open

    def close(self) -> None:
        self._root.destroy()

    def _end(self) -> None:
        self._open = False


class Bars:
    """Bars in the terminal, one column for each face."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._live = Live(console=out, refresh_per_second=10, transient=True)
        self._live.start()

    def show(self, picture: np.ndarray, faces: Sequence[TrackedFace]) -> bool:
        self._live.update(bars(self._labels, faces))
        return True

    def close(self) -> None:
        self._live.stop()


def bars(labels: Sequence[str], faces: Sequence[TrackedFace]) -> Table:
    """A row for each class and a column for each face."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("no face" if not faces else "")
    for face in faces:
        table.add_column(f"face {face.track}", no_wrap=True)
    for i, label in enumerate(labels):
        cells = []
        for face in faces:
            share = float(face.probabilities[i])
            color = class_color(i)
            cells.append(f"[{color}]{'█' * round(share * _BAR):{_BAR}}[/] {share:4.0%}")
        table.add_row(escape(label), *cells)
    return table
