from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path

import pytest

import benchmarks.report.write
from benchmarks.report.html import render, sort_key
from benchmarks.report.pareto import front
from benchmarks.report.write import write_report

INPUTS = Path(__file__).parent / "report_inputs"
PIXEL = b"\x89PNG not really"


@pytest.fixture
def page(tmp_path, monkeypatch) -> str:
    """The page of a report, another page beside it, and one plot."""
    folder = tmp_path / "reports"
    shutil.copytree(INPUTS, folder)
    (folder / "peers.md").write_text("# Peers & others\n\n| a | b |\n| --- | ---: |\n| <x> | 1 |\n")
    (folder / "parity.png").write_bytes(PIXEL)
    monkeypatch.setattr(benchmarks.report.write, "draw_plots", lambda report, folder: ["parity.png"])
    write_report(folder)
    return (folder / "report.html").read_text()


def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.search(r"""(src|href)=["'](?!data:|#|\.\./)""", page)
    assert "@import" not in page
    assert base64.b64encode(PIXEL).decode() in page


def test_failed_rows_are_red_and_others_are_not(page):
    summary = page[page.index("<h2>Summary") : page.index("<h2>Pareto")]
    rows = re.findall(r"<tr( class=\"bad\")?><td", summary)
    assert [bool(bad) for bad in rows] == [False, False, True, True]


def test_every_page_is_a_section(page):
    assert re.findall(r"<section id=\"(\w+)\"", page) == ["report", "models", "peers"]
    assert '<a href="#peers">Peers &amp; others</a>' in page
    assert "&lt;x&gt;" in page


def test_front_leaves_out_the_beaten_and_the_failed():
    def artifact(name, accuracy, p50, size, status="passed"):
        latency = [{"batch": 1, "threads": 1, "p50_ms": p50}]
        return {"name": name, "evaluation": {"accuracy": accuracy}, "latency": latency, "bytes": size, "status": status}

    artifacts = [artifact("best", 0.7, 2, 100), artifact("beaten", 0.6, 3, 100), artifact("fast", 0.5, 1, 100)]
    artifacts += [artifact("small", 0.5, 3, 50), artifact("failed", 0.9, 1, 1, "failed")]
    assert front({"artifacts": artifacts}) == ["best", "fast", "small"]
    assert front({"artifacts": []}) == []


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        *[("1,234 ms", "1234.0"), ("138.0 kB", "138000.0"), ("1.5 MB", "1500000.0"), ("+0.07", "0.07")],
        *[("-0.16 to +0.30", "-0.16"), ("9.6e-05", "9.6e-05"), ("**63.7 %**", "63.7"), ("-", "-")],
        ("baseline_cnn onnx int8", "baseline_cnn onnx int8"),
    ],
)
def test_sort_keys(cell, key):
    assert sort_key(cell) == key


def test_markdown(tmp_path):
    text = "## A `b`\n\n- **one** *b / c*\n- two [x](y.md)\n\ntext\nmore ![gone](gone.png)"
    assert render(text, tmp_path).splitlines() == [
        "<h2>A <code>b</code></h2>",
        '<ul><li><strong>one</strong> <em>b / c</em></li><li>two <a href="y.md">x</a></li></ul>',
        "<p>text more gone</p>",
    ]
