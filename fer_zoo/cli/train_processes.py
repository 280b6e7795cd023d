"""`fer-zoo train --processes N`: one run in several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from fer_zoo.cli.train_joining import Member
from fer_zoo.console import run
from fer_zoo.cpu import cores
from fer_zoo.errors import FerZooError, LostProcessError

# What the others have, once one has failed, to end by themselves and tell why.
_GRACE_SECONDS = 10
# Exit code of a process that ends because another one has ended; the reason of the other one is reported.
_LOST = 3


def run_processes(arguments: list[str], count: int, folder: Path) -> int:
    """Start all processes of a run on this machine, each on its share of the cores, and wait until they have ended.

    Where one ends early, the others are ended too, and so they are where this process ends.

    Args:
        arguments: Arguments of `fer-zoo train`.
        count: Number of processes.
        folder: Folder of the run.

    Returns:
        The exit code of process 0, which reports its progress as a single process would.

    Raises:
        FerZooError: A process ended before the run had; says which, and why.
    """
    context = multiprocessing.get_context("spawn")
    coordinator, shares = f"127.0.0.1:{_free_port()}", _shares_of_cores(count)
    with tempfile.TemporaryDirectory() as logs:
        paths = [Path(logs, str(number)) for number in range(count)]
        processes: list[BaseProcess] = [
            context.Process(
                name=f"fer-zoo train, process {number}",
                target=_process,
                args=(arguments, Member(count, coordinator, number), folder, paths[number], shares[number]),
                daemon=True,
            )
            for number in range(count)
        ]
        started: list[BaseProcess] = []
        try:
            for process in processes:
                process.start()
                started.append(process)
            _wait(processes)
        except KeyboardInterrupt:
            for process in started[:1]:
                os.kill(process.pid or 0, signal.SIGINT)
                process.join(_GRACE_SECONDS)
            return 130
        finally:
            codes = [process.exitcode for process in processes]
            for process in started:
                process.kill()
                process.join()
        if codes[0] not in (None, _LOST) and (codes[0] or 0) >= 0:
            return codes[0] or 0
        raise FerZooError(_reason(codes, paths))


def _wait(processes: Sequence[BaseProcess]) -> None:
    """Wait until all have ended, or one has failed and the others have had their time."""
    while running := [process for process in processes if process.exitcode is None]:
        if any(process.exitcode for process in processes):
            break
        wait([process.sentinel for process in running])
    end = time.monotonic() + _GRACE_SECONDS
    for process in running:
        process.join(max(0, end - time.monotonic()))


def _reason(codes: Sequence[int | None], logs: Sequence[Path]) -> str:
    """Why processes ended early, from their exit codes and what they wrote."""
    for number, (code, log) in enumerate(zip(codes, logs, strict=True)):
        if code in (None, 0, _LOST):
            continue
        told = log.read_text("utf-8", "replace").strip().rpartition("\n")[2] if log.exists() else ""
        why = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed ({told.removeprefix('error: ')})"
        return f"process {number} of {len(codes)} {why}"
    return "the processes of this run lost each other"


def _process(arguments: list[str], place: Member, folder: Path, log: Path, share: set[int]) -> None:
    """One of the processes that `run_processes` starts; only number 0 writes to the terminal."""
    from fer_zoo.cli.train import main

    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C is for `run_processes`, which tells number 0.
    if share:
        os.sched_setaffinity(0, share)
    if place.number:
        with open(log, "wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)

    def command(arguments: list[str]) -> int | None:
        try:
            return main(arguments, place, folder)
        except LostProcessError:
            return _LOST

    code = run(command, arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _shares_of_cores(count: int) -> list[set[int]]:
    """The cores of each process, as many for all; empty where there are too few, or the system cannot tell."""
    if not hasattr(os, "sched_getaffinity") or cores() < count:
        return [set()] * count
    numbers, each = sorted(os.sched_getaffinity(0)), cores() // count
    return [set(numbers[each * number : each * (number + 1)]) for number in range(count)]
