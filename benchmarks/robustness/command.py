"""`python -m benchmarks robustness`: corruptions, calibration, confused pairs, other data sets."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_zoo.console import err, out
from fer_zoo.data.ferplus import BUNDLED_VOTES
from fer_zoo.errors import UsageError
from fer_zoo.packages import require
from fer_zoo.zoo import artifacts_dir

from ..options import REPORT_PACKAGES, Options, positive, reports_folder
from .datasets import load_faces
from .measure import run_robustness
from .page import write_robustness


def main(arguments: list[str]) -> int:
    """Measure, and write `robustness.json`, `.csv`, `.md` and the plots."""
    parsed = _parser().parse_args(arguments)
    require(*REPORT_PACKAGES)
    if parsed.dataset and (parsed.data or parsed.ferplus):
        raise UsageError(
            "--dataset is another data set in the place of FER2013: give no --data and no --ferplus with it"
        )
    artifacts = parsed.artifacts or artifacts_dir()
    reports = reports_folder(artifacts)
    options = Options(
        artifacts=artifacts,
        output=parsed.output or (reports / parsed.dataset.resolve().name if parsed.dataset else reports),
        data=parsed.data,
        models=tuple(parsed.models),
        fresh=parsed.fresh,
    )
    faces = load_faces(parsed.dataset) if parsed.dataset else None
    for sentence in faces.unreadable if faces else ():
        err.print(f"left out: {sentence}", markup=False)
    bundled = BUNDLED_VOTES if BUNDLED_VOTES.is_file() and not (parsed.data or parsed.dataset) else None
    measured = run_robustness(options, parsed.peers, parsed.ferplus or bundled, faces, parsed.images)
    write_robustness(options.output, measured)
    for row in sorted(measured.report["rows"], key=lambda row: -row["mean_corruption_accuracy"]):
        accuracy = f"{row['evaluation']['accuracy']:.2%} clean, {row['mean_corruption_accuracy']:.2%} corrupted"
        out.print(f"{row['name']}: {accuracy}", markup=False)
    out.print(f"report: {options.output / 'robustness.md'}", markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks robustness", description=__doc__.partition(":")[2])
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV (default: the bundled test images)")
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="FOLDER",
        help="other faces in the place of FER2013's: CK+, RAF-DB, AffectNet, or a folder for each class",
    )
    parser.add_argument(
        "--ferplus",
        type=Path,
        metavar="CSV",
        help="FER+ votes, for calibration and the raters' view (default: the bundled ones with the bundled images)",
    )
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="measure the published models too")
    parser.add_argument("--images", type=positive, metavar="N", help="corrupt only N images, evenly spread")
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json (default: the project's artifacts)")
    parser.add_argument("--output", type=Path, help="folder of the reports (default: reports in the artifacts folder)")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME[:FORMAT[:PRECISION]]", help="of ours")
    parser.add_argument("--fresh", action="store_true", help="keep nothing of an earlier run")
    return parser
