"""`python -m benchmarks peers`: the published models and ours, side by side in one run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fer_zoo.console import out
from fer_zoo.cpu import cores
from fer_zoo.packages import require
from fer_zoo.zoo import artifacts_dir

from ..options import QUICK, QUICK_OUTPUT, REPORT_PACKAGES, Options, quick_models, reports_folder
from .measure import run_peers
from .page import write_peers

_QUICK_IMAGES = 256


def main(arguments: list[str]) -> int:
    """Measure, and write `peers.json`, `.csv`, `.md` and `.png`."""
    parsed = _parser().parse_args(arguments)
    require(*REPORT_PACKAGES, "ai_edge_litert", "onnx")
    artifacts = parsed.artifacts or artifacts_dir()
    limits = QUICK | {"images": _QUICK_IMAGES} if parsed.quick else {}
    given = {name: getattr(parsed, name) for name in ("queries", "seconds", "cold_starts")}
    options = Options(
        artifacts=artifacts,
        output=parsed.output or (QUICK_OUTPUT if parsed.quick else reports_folder(artifacts)),
        data=parsed.data,
        models=tuple(parsed.models) or (quick_models(artifacts) if parsed.quick else ()),
        batches=(1,) if parsed.quick else (1, 32),
        threads=(1,) if parsed.quick else tuple(sorted({1, cores()})),
        fresh=parsed.fresh,
        **(limits | {name: value for name, value in given.items() if value}),
    )
    report = run_peers(options, parsed.peers, parsed.packages_python)
    write_peers(options.output, report)
    for beside in report["comparison"]:
        fastest, best = beside["at_its_accuracy"], beside["at_its_latency"]
        faster, better = "no model of ours is as accurate", "none is as fast"
        if fastest:
            faster = f"{fastest['name']} is at least as accurate in {fastest['share']:.1%} of its time"
        if best:
            better = f"{best['name']} is at least as fast, with {100 * best['points']:+.2f} points of accuracy"
        out.print(f"{beside['peer']} ({beside['accuracy']:.2%}): {faster}; {better}", markup=False)
    for sentence in report["left_out"]:
        out.print(sentence, markup=False)
    out.print(f"report: {options.output / 'peers.md'}", markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__.partition(":")[2])
    parser.add_argument("--peers", type=Path, required=True, metavar="FOLDER", help="their files, never shipped")
    parser.add_argument(
        "--packages-python",
        default=sys.executable,
        metavar="PYTHON",
        help="interpreter that has the packages fer and facex (default: this one); without them they are skipped",
    )
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV (default: the bundled test images)")
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json (default: the project's artifacts)")
    parser.add_argument("--output", type=Path, help="folder of the reports (default: reports in the artifacts folder)")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME[:FORMAT[:PRECISION]]", help="of ours")
    parser.add_argument("--queries", type=int, help="timed queries of each row (default: 1024)")
    parser.add_argument("--seconds", type=float, help="or timed seconds, if over first (default: 10)")
    parser.add_argument("--cold-starts", type=int, help="fresh processes of each row (default: 5)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"about a minute: our smallest models and the peers on {_QUICK_IMAGES} images, into {QUICK_OUTPUT}; "
        "its figures mean little",
    )
    parser.add_argument("--fresh", action="store_true", help="drop what an interrupted run has finished")
    return parser
