"""Output shared by all commands: messages, progress bars, errors without a traceback."""

from __future__ import annotations

import argparse
import errno
import io
import math
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.packages import EXTRAS, not_installed

Item = TypeVar("Item")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise the error, which `run` handles: rich would print nothing any more, and replace stdout's descriptor."""
        self._buffer.clear()
        raise BrokenPipeError


out = _Console(highlight=False, soft_wrap=True)
err = _Console(highlight=False, soft_wrap=True, stderr=True)

# Whether this process runs one of our commands (`run`); false in other programs that import this package.
_is_command = False
_descriptor_lock = threading.RLock()

# Seconds between two progress lines if stderr is not a terminal.
LINE_SECONDS = 15.0


class _Progress(Progress):
    """A progress bar; if stderr is not a terminal, a plain line of text every 15 seconds."""

    _last_line = math.inf

    def start(self) -> None:
        super().start()
        self._last_line = time.monotonic()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        if err.is_terminal or time.monotonic() - self._last_line < LINE_SECONDS:
            return
        self._last_line = time.monotonic()
        task = next(task for task in self.tasks if task.id == task_id)
        total = "" if task.total is None else f" of {task.total:,.0f}"
        rate = f", {_rate(task)}" if _rate(task) else ""
        err.print(f"{task.description}: {task.completed:,.0f}{total}{rate}", markup=False)


class _Rate(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        return Text(_rate(task))


def _rate(task: Task) -> str:
    speed = task.finished_speed or task.speed
    return f"{speed:,.0f}/s" if speed and speed >= 10 else f"{speed:.1f}/s" if speed else ""


def progress() -> Progress:
    """A progress bar on stderr with rate, elapsed and remaining time; a line every 15 seconds if it is no terminal."""
    return _Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def download_progress() -> Progress:
    """`progress`, counted in bytes."""
    return _Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Iterate over `items` under a progress bar."""
    with progress() as bar:
        yield from bar.track(items, total=total, description=description)


def run(main: Callable[[list[str]], int | None], arguments: list[str] | None = None) -> int:
    """Run a command and print failures that a user can fix as one sentence on stderr.

    Returns:
        The exit code: what `main` returned (0 for `None`), 2 for wrong usage, 1 for a failure, 130 when interrupted.
    """
    with _command_running():
        try:
            try:
                return main(sys.argv[1:] if arguments is None else arguments) or 0
            finally:
                # Flushed here, so that a closed pipe still changes the exit code.
                if sys.stdout is not None:
                    sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
            return 1
        except BaseException as error:
            try:
                return _exit_code(error)
            except BrokenPipeError:
                _drop_output()
                return 1


def _exit_code(error: BaseException) -> int:
    """Print an error that a user can fix and return its exit code; raise any other error again."""
    if isinstance(error, FerZooError):
        print_error(error)
        return error.exit_code
    if isinstance(error, ModuleNotFoundError) and (module := (error.name or "").partition(".")[0]) in EXTRAS:
        print_error(not_installed(module))
        return UsageError.exit_code
    if isinstance(error, KeyboardInterrupt):
        err.print("interrupted")
        return 130
    if isinstance(error, MemoryError):
        print_error("not enough memory; use a smaller batch size or fewer images at a time")
        return 1
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        print_error("the disk is full; free some space and run the same command again")
        return 1
    if isinstance(error, OSError) and error.filename is not None:
        print_error(f"{error.filename}: {error.strerror}")
        return 1
    raise error


@contextmanager
def _command_running() -> Iterator[None]:
    """Prepare the process for a command: no output may fail because of its characters or a closed descriptor."""
    global _is_command
    outer, _is_command = _is_command, True
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Closed by the shell (2>&-): the next opened file would get its number and receive what libraries print.
            os.open(os.devnull, os.O_RDWR)
    # Pillow warns of damaged metadata and of large pictures, whose size is checked anyway.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Programs that read a pipe expect UTF-8; a terminal shows its own characters only.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    try:
        yield
    finally:
        _is_command = outer


def _drop_output() -> None:
    """Redirect closed output streams to nowhere: otherwise Python's flush at exit would fail again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_out(text: str) -> None:
    """Write text to stdout unchanged; nothing is written if stdout is closed."""
    if sys.stdout is not None:
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def native_messages_dropped() -> Iterator[None]:
    """Discard what C++ libraries write to file descriptor 2 in this context, which their own settings do not prevent.

    It has an effect only in our commands, not in other programs that import this package.
    """
    if not _is_command or sys.stderr is None:
        yield
        return
    with _descriptor_lock:
        sys.stderr.flush()
        original = os.dup(2)
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)


def print_error(message: object) -> None:
    """Print an error message on stderr in the style of all commands."""
    err.print("[red]error:[/red]", escape(str(message)))


class HelpFormatter(argparse.HelpFormatter):
    """Adds the default value to the help of each option, and uses N as the placeholder for numbers."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        no_default = action.default is None or action.default is False or action.default in ([], argparse.SUPPRESS)
        return text if no_default or "%(default)" in text else f"{text} (default: %(default)s)"

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return "N" if action.type in (int, float) else super()._get_default_metavar_for_optional(action)
