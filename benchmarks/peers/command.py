"""`python -m benchmarks peers`: the published models and ours, side by side in one run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from fer_zoo.console import out
from fer_zoo.packages import require

from ..arguments import add_depth, add_selection, add_timing, command_parser, options_of
from ..options import REPORT_PACKAGES
from .measure import run_peers
from .page import write_peers
from .rows import PeerComparison
from .verdict import compare

_QUICK_IMAGES = 64


def main(arguments: list[str]) -> int:
    """Measure, and write `peers.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser("peers", "Run the published models and ours, side by side in one run.")
    parser.add_argument("--peers", type=Path, required=True, metavar="FOLDER", help="their files, never shipped")
    parser.add_argument(
        "--packages-python",
        default=sys.executable,
        metavar="PYTHON",
        help="interpreter that has the packages fer and facex; without them they are skipped",
    )
    add_selection(parser)
    add_depth(
        parser,
        f"our two smallest models and the peers, on {_QUICK_IMAGES} images and one thread: 26 s of one core",
        "ten seconds for each file in each setting",
    )
    add_timing(parser)
    parsed = parser.parse_args(arguments)
    require(*REPORT_PACKAGES, "ai_edge_litert", "onnx")
    options = options_of(parsed, images=_QUICK_IMAGES if parsed.quick else None)
    if parsed.quick:
        options = replace(options, timing=replace(options.timing, batches=(1,), threads=(1,)))
    report = run_peers(options, parsed.peers, parsed.packages_python)
    write_peers(options.output, report)
    for comparison in compare(report.rows):
        out.print(_sentence(comparison), markup=False)
    for sentence in report.left_out:
        out.print(sentence, markup=False)
    out.print(f"report: {options.output / 'peers.md'}", markup=False)
    return 0


def _sentence(row: PeerComparison) -> str:
    faster, better = "no model of ours is as accurate", "none is as fast"
    if row.fastest:
        faster = f"{row.fastest.name} is at least as accurate in {row.fastest.share:.1%} of its time"
    if row.best:
        better = f"{row.best.name} is at least as fast, with {100 * row.best.points:+.2f} points of accuracy"
    return f"{row.peer} ({row.accuracy:.2%}): {faster}; {better}"
