"""`--processes`, `--coordinator` and `--process-id` of `fer-zoo train`: this process becomes one of those of a run."""

from __future__ import annotations

import argparse
import atexit
import io
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from fer_zoo.console import out
from fer_zoo.errors import FerZooError, UsageError

# Processes may be started by hand, on several machines.
_START_SECONDS = 300.0
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_READY = "ready"


@dataclass(frozen=True)
class Member:
    """The place of a process among those of a run.

    Attributes:
        count: Number of processes.
        coordinator: `HOST:PORT`, where process 0 waits for the others.
        number: Number of this process, from 0.
    """

    count: int
    coordinator: str
    number: int

    @property
    def local(self) -> bool:
        """Whether no other machine takes part."""
        return self.coordinator.rpartition(":")[0] in _LOOPBACK

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as sockets take them."""
        host, _, port = self.coordinator.rpartition(":")
        return host.strip("[]"), int(port)


def member(options: argparse.Namespace) -> Member | None:
    """What `--processes`, `--coordinator` and `--process-id` say; `None` without the latter two.

    Raises:
        UsageError: They contradict each other.
    """
    count, coordinator, number = options.processes, options.coordinator, options.process_id
    if count < 1:
        raise UsageError(f"processes is {count}; it must be at least 1")
    if coordinator is None and number is None:
        return None
    if coordinator is None or number is None or count == 1:
        raise UsageError(
            "--processes, --coordinator and --process-id go together: the same command on each machine, with a "
            "--process-id of its own; --processes alone starts all processes on this machine"
        )
    if not 0 <= number < count:
        raise UsageError(f"process id is {number}; of {count} processes it must be from 0 to {count - 1}")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"coordinator is {coordinator!r}; it must be HOST:PORT, where process 0 runs")
    return Member(count, coordinator, number)


def refuse_other_backends(backend: str) -> None:
    """Have several processes on JAX only, as `keras.distribution`.

    Raises:
        UsageError: `backend` is another one.
    """
    if backend != "jax":
        raise UsageError(f"several processes train together on JAX only, not on {backend}; pass --backend jax")


@contextmanager
def joined(place: Member) -> Iterator[None]:
    """Join this process to the others of the run, which JAX does once in a process, before anything else.

    Raises:
        UsageError: Two processes have one number, or do not agree how many there are.
        FerZooError: Process 0 cannot listen at the address, or the processes have not all come within five minutes.
    """
    import jax

    meet(place)
    # It would take SIGTERM for a notice that the machine will go away, and this process would not end.
    if "jax_enable_preemption_service" in jax.config.values:
        jax.config.update("jax_enable_preemption_service", False)
    # It listens on all addresses of the machine, unless it is told one.
    address = place.coordinator if place.local else None
    jax.distributed.initialize(place.coordinator, place.count, place.number, coordinator_bind_address=address)
    try:
        with _native_output_dropped():
            yield
    except BaseException as error:
        # At its end, JAX would wait for the others, which have ended or wait for this one.
        atexit.register(os._exit, 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1))
        raise
    jax.distributed.shutdown()


def meet(place: Member, seconds: float = _START_SECONDS) -> None:
    """Wait until all processes of a run are there: JAX ends the process by a signal where one does not come.

    Args:
        place: Place of this process among all.
        seconds: How long to wait for the others.

    Raises:
        UsageError: As in `joined`.
        FerZooError: As in `joined`.
    """
    end = time.monotonic() + seconds
    if place.number == 0:
        _receive_others(place, end)
        return
    told = ""
    while not told:
        if time.monotonic() > end:
            raise FerZooError(f"process 0 of this run does not answer at {place.coordinator}; is it started there?")
        with suppress(OSError), socket.create_connection(place.address, 5) as connection:
            connection.sendall(f"{place.number} {place.count}\n".encode())
            connection.settimeout(max(1.0, end - time.monotonic()))
            told = connection.makefile().readline().strip()
        time.sleep(0 if told else 0.1)
    if told != _READY:
        raise UsageError(told)


def _receive_others(place: Member, end: float) -> None:
    """The part of process 0 in `meet`: it lets the others continue when all are connected."""
    host, port = place.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Other machines may know this one by an address that it does not know itself.
        server = socket.create_server((host if place.local else "", port), family=family)
    except OSError as error:
        why = (error.strerror or "").partition(" (while")[0]
        raise FerZooError(f"process 0 cannot listen at {place.coordinator} ({why})") from error
    with server, ExitStack() as open_connections:
        others: dict[int, socket.socket] = {}
        if not place.local:
            out.print(f"process 0 of {place.count}: waits for the others at {place.coordinator}", markup=False)
        while len(others) < place.count - 1:
            server.settimeout(max(0.01, end - time.monotonic()))
            try:
                connection = open_connections.enter_context(server.accept()[0])
                connection.settimeout(5)
                number, count = map(int, connection.makefile().readline().split())
            except ValueError:  # Something else.
                continue
            except OSError as error:
                if time.monotonic() < end:
                    continue
                missing = ", ".join(str(number) for number in range(1, place.count) if number not in others)
                raise FerZooError(f"process {missing} of this run has not come to {place.coordinator}") from error
            if problem := _problem(place, number, count, others):
                _tell((connection, *others.values()), problem)
                raise UsageError(problem)
            others[number] = connection
        _tell(others.values(), _READY)


def _tell(connections: Iterable[socket.socket], line: str) -> None:
    for connection in connections:
        with suppress(OSError):
            connection.sendall(f"{line}\n".encode())
            connection.recv(1)  # They close first: otherwise the port would not be free for JAX at once.


def _problem(place: Member, number: int, count: int, others: dict[int, socket.socket]) -> str:
    if count != place.count:
        return f"process {number} of this run was started with --processes {count}, process 0 with {place.count}"
    if number in others or number == 0:
        return f"two processes of this run have --process-id {number}; each needs one of its own"
    return ""


@contextmanager
def _native_output_dropped() -> Iterator[None]:
    """Drop what C++ writes to descriptor 1 (gloo tells each connection), but not what Python prints."""
    stdout = sys.stdout
    if not isinstance(stdout, io.TextIOWrapper) or stdout is not sys.__stdout__:
        yield
        return
    stdout.flush()
    original = os.dup(1)
    with open(original, "w", encoding=stdout.encoding, errors=stdout.errors, buffering=1) as kept:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 1)
        sys.stdout = kept
        try:
            yield
        finally:
            sys.stdout = stdout
            kept.flush()
            os.dup2(original, 1)
