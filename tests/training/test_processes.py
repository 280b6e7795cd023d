"""One run in several processes: the weights of one process, also where one was killed and the run resumed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import several_processes
from workers import Workers

from fer_zoo.backend import installed_backends
from fer_zoo.cli import train_processes
from fer_zoo.cli.train import main
from fer_zoo.cli.train_joining import Member, meet
from fer_zoo.cli.train_processes import run_processes
from fer_zoo.console import run
from fer_zoo.errors import FerZooError, UsageError

SECONDS = 300


@pytest.mark.slow
def test_two_processes_of_which_one_is_killed_end_as_one_does(
    part_of_bundle: Callable[[Path, int], Path], on_backend: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    h5py = pytest.importorskip("h5py")
    if "jax" not in installed_backends():
        pytest.skip("jax is not installed, which several processes need")
    data, whole, folder = part_of_bundle(tmp_path / "small.zip", 120), tmp_path / "whole", tmp_path / "killed"
    options = ["--backend", "jax", "--epochs", "4", "--batch-size", "16", "--data", str(data), "--ema", "0.9"]
    options += ["--recalibrate-batch-norm", "--calibrate"]
    monkeypatch.setattr(train_processes, "_process", several_processes.process)
    with ThreadPoolExecutor(1) as pool:
        both = pool.submit(run_processes, [*options, "--processes", "2"], 2, folder)
        _kill_second_after_an_epoch(both, folder)
        with pytest.raises(FerZooError, match=r"^process 1 of 2 was ended by SIGKILL$"):
            both.result(SECONDS)
    assert (folder / "checkpoint.npz").exists()
    assert not (folder / "model.keras").exists()
    assert not _processes(), "a process outlived the other"
    assert run_processes(["--resume", str(folder), "--processes", "2"], 2, folder) == 0

    assert on_backend("jax", several_processes.train_alone, [*options, "--output", str(whole)]) == 0
    assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}

    def weights(run: Path) -> np.ndarray:
        found: list[np.ndarray] = []
        with zipfile.ZipFile(run / "model.keras") as archive:
            file = h5py.File(BytesIO(archive.read("model.weights.h5")))
        file.visititems(lambda _, item: found.append(np.ravel(item[()])) if isinstance(item, h5py.Dataset) else None)
        return np.concatenate(found)

    np.testing.assert_allclose(weights(folder), weights(whole), atol=2e-6, rtol=2e-5)
    losses = [[row["loss"] for row in json.loads((run / "history.json").read_text())] for run in (folder, whole)]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def _kill_second_after_an_epoch(run: Future[int], folder: Path) -> None:
    end = time.monotonic() + SECONDS
    while not (folder / "checkpoint.npz").exists():
        assert not run.done(), run.exception()
        assert time.monotonic() < end
        time.sleep(0.01)
    [second] = [process for process in _processes() if process.name.endswith("1")]
    assert second.pid
    os.kill(second.pid, signal.SIGKILL)


def _processes() -> list[multiprocessing.process.BaseProcess]:
    return [process for process in multiprocessing.active_children() if process.name.startswith("fer-zoo train")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--processes 0", "processes is 0; it must be at least 1"),
        ("--process-id 1", "--processes, --coordinator and --process-id go together"),
        ("--processes 2 --coordinator host:9000", "--processes, --coordinator and --process-id go together"),
        ("--coordinator host:9000 --process-id 0", "--processes, --coordinator and --process-id go together"),
        ("--processes 2 --coordinator host:9000 --process-id 2", "it must be from 0 to 1"),
        ("--processes 2 --coordinator host --process-id 0", "coordinator is 'host'; it must be HOST:PORT"),
        (
            "--processes 2 --backend torch",
            "several processes train together on JAX only, not on torch; pass --backend jax",
        ),
    ],
)
def test_options_that_contradict_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, words: str
) -> None:
    code = run(main, [*options.split(), "--output", str(tmp_path / "run")])
    stderr = capsys.readouterr().err
    assert (code, stderr.count("\n")) == (2, 1)
    assert words in stderr
    assert not (tmp_path / "run").exists()


def devices_of(counts: list[int], batch_size: int) -> list[str]:
    """The devices that share a batch where processes have so many."""
    import jax

    from fer_zoo import sharding

    devices = [
        SimpleNamespace(platform="cpu", id=100 * process + number, process_index=process)
        for process, count in enumerate(counts)
        for number in range(count)
    ]
    with mock.patch.object(jax, "devices", return_value=devices):
        return sharding._devices(batch_size)


def test_as_many_devices_of_each_process_share_a_batch(on_backend: Workers) -> None:
    assert on_backend("jax", devices_of, [3, 2], 8) == ["cpu:0", "cpu:1", "cpu:100", "cpu:101"]
    assert on_backend("jax", devices_of, [3, 2], 6) == ["cpu:0", "cpu:100"]
    with pytest.raises(UsageError, match="2 processes cannot share batches of 7 images; choose a multiple"):
        on_backend("jax", devices_of, [3, 2], 7)


def test_what_the_command_says_of_processes_that_failed(tmp_path: Path) -> None:
    logs = [tmp_path / "0", tmp_path / "1", tmp_path / "2"]
    logs[1].write_text("a line\nerror: the disk is full\n")
    reason, lost = train_processes._reason, train_processes._LOST
    assert reason([None, 1, None], logs) == "process 1 of 3 failed (the disk is full)"
    assert reason([lost, 0, -signal.SIGKILL], logs) == "process 2 of 3 was ended by SIGKILL"
    assert reason([lost, lost], logs[:2]) == "the processes of this run lost each other"


def _port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _outcomes(places: list[Member], seconds: float = 30) -> list[str]:
    """What `meet` raises in each process, here in threads; empty where it goes on."""

    def outcome(place: Member) -> str:
        try:
            meet(place, seconds)
        except FerZooError as error:
            return f"{type(error).__name__}: {error}"
        return ""

    with ThreadPoolExecutor(len(places)) as pool:
        return list(pool.map(outcome, places))


def test_processes_meet_or_are_told_why_not() -> None:
    address = f"127.0.0.1:{_port()}"
    first, second, third = (Member(3, address, number) for number in range(3))
    assert _outcomes([third, second, first]) == ["", "", ""]
    problem = "UsageError: two processes of this run have --process-id 1; each needs one of its own"
    assert _outcomes([first, second, second]) == [problem] * 3
    problem = "UsageError: process 1 of this run was started with --processes 2, process 0 with 3"
    assert _outcomes([first, Member(2, address, 1)]) == [problem] * 2
    assert _outcomes([first, second], 0.5) == [
        f"FerZooError: process 2 of this run has not come to {address}",
        f"FerZooError: process 0 of this run does not answer at {address}; is it started there?",
    ]
    with socket.create_server(first.address):
        assert _outcomes([first]) == [f"FerZooError: process 0 cannot listen at {address} (Address already in use)"]
