"""The README's tables are the reports'."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.accuracy.rows import SeedsReport, SeedsRow, TtaReport, TtaRow
from benchmarks.peers.rows import PeersReport
from benchmarks.report.published import PUBLISHED
from benchmarks.report.readme import updated
from benchmarks.rows import ImageSet
from benchmarks.table import read_record, write_record
from fer_zoo.errors import FerZooError

_MARKS = "<!-- results -->\n<!-- /results -->\n<!-- published -->\n<!-- /published -->"


@pytest.fixture
def artifacts(root: Path, tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    for name in ("parity.json", "latency.json"):
        shutil.copy(root / "artifacts" / "reports" / name, tmp_path / "reports")
    return tmp_path


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _split(readme: str) -> tuple[str, str]:
    ours, _, others = readme.partition("<!-- published -->")
    return ours, others


def test_the_readme_agrees_with_the_committed_reports(root: Path) -> None:
    readme = (root / "README.md").read_text()
    assert updated(readme, root / "artifacts") == readme
    assert "**baseline_cnn**" in readme


def test_ours_come_first_and_fer2013_apart_from_ferplus(artifacts: Path) -> None:
    ours, others = _split(updated(_MARKS, artifacts))
    seven, eight = ours.split("FER+'s eight expressions")
    assert [row[0] for row in _rows(seven)[2:4]] == ["**fernet_ensemble**", "**fernet_base**"]
    assert not any("ferplus" in row[0] for row in _rows(seven))
    assert all(row[0].endswith("_ferplus**") for row in _rows(eight)[2:])
    assert "**" not in others


def test_every_published_figure_has_its_protocol(artifacts: Path) -> None:
    _, others = _split(updated(_MARKS, artifacts))
    rows = {(row[0], row[2]): row for row in _rows(others)}
    assert rows["[VGGNet](https://arxiv.org/abs/2105.03588)", "73.28 %"][3:5] == ["PublicTest", "ten crops"]
    best = rows["[vicksam/fer-model](https://github.com/vicksam/fer-model)", "69.45 %"]
    assert best[5] == "best of 5; mean 68.57 ± 0.65 %"
    vit = rows["[ViT-B (trpakov)](https://huggingface.co/trpakov/vit-face-expression)", "71.16 %"]
    assert (vit[1], vit[6]) == ("85.8 M", "as stated")
    assert all(row.split and row.views and row.runs for row in PUBLISHED)
    assert "Left out: [ResEmoteNet]" in others
    # FER+'s figures have a table of their own.
    seven, eight = others.split("On FER+'s eight expressions")
    assert "87.66 %" in eight
    assert "87.66 %" not in seven


def test_peers_are_measured_here_and_say_what_chose_them(root: Path, artifacts: Path) -> None:
    report = read_record(root / "artifacts/reports/peers.json", PeersReport)
    peer = next(row for row in report.rows if row.seen == "chosen")
    peer = replace(
        peer,
        model="some peer",
        params=58_423,
        evaluation=replace(peer.evaluation, accuracy=0.99),
        latency=(replace(peer.latency[0], p50_ms=1.25),),
    )
    rows = (peer, replace(peer, runtime="litert"))
    report = replace(report, machine=replace(report.machine, cpu="Another CPU"), rows=rows)
    write_record(artifacts / "reports" / "peers.json", report)
    _, others = _split(updated(_MARKS, artifacts))
    chosen = "one, its epoch chosen on these images"
    assert _rows(others)[2] == ["some peer", "58,423", "99.00 %", "all", "one", chosen, "here", "1.25 ms"]
    assert others.count("some peer") == 1
    assert "Timed on Another CPU in one run with ours" in others


def test_augmentation_and_seeds_get_their_columns(artifacts: Path) -> None:
    assert "seeds" not in updated(_MARKS, artifacts)
    ten = TtaRow("fernet_nano", "x.onnx", "0", 7, "ten-crop", 0.5, 0.4, 0.6123)
    rows = (ten, replace(ten, tta="mirror", private_test=0.6, precision="int8"))
    write_record(artifacts / "reports" / "tta.json", TtaReport(ImageSet("x", "0", 7178), rows))
    spread = SeedsRow("fernet_nano", "private_test", (1, 2), (0.61, 0.63))
    write_record(artifacts / "reports" / "seeds.json", SeedsReport((spread,)))
    found = _rows(updated(_MARKS, artifacts))
    nano = dict(zip(found[0], next(row for row in found if row[0] == "**fernet_nano**"), strict=True))
    assert nano["PrivateTest, ten crops"] == "61.23 %"
    assert nano["PrivateTest, mirror"] == "60.00 % (int8)"
    assert nano["PrivateTest, seeds"] == "62.00 ± 1.41 %, 2 seeds"


@pytest.mark.parametrize("mark", ["results", "published"])
def test_a_readme_without_marks_is_refused(artifacts: Path, mark: str) -> None:
    with pytest.raises(FerZooError, match=f"<!-- {mark} -->"):
        updated(_MARKS.replace(mark, "other"), artifacts)


def test_without_a_report_there_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(FerZooError, match=r"neither parity\.json nor latency\.json"):
        updated(_MARKS, tmp_path)
