"""`python -m benchmarks robustness`: corruptions, calibration, confused pairs, other data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fer_zoo.console import err, out
from fer_zoo.data.ferplus import BUNDLED_VOTES
from fer_zoo.errors import UsageError
from fer_zoo.inference.prior import parse_prior, prior_text
from fer_zoo.option_types import positive
from fer_zoo.packages import require

from ..arguments import add_depth, add_selection, command_parser, options_of
from ..options import REPORT_PACKAGES
from .datasets import LAYOUTS, load_faces
from .measure import run_robustness
from .page import write_robustness

_QUICK_IMAGES = 100
_USUAL_IMAGES = 1000


def main(arguments: list[str]) -> int:
    """Measure, and write `robustness.json`, `.csv`, `.md` and the plots."""
    parser = command_parser("robustness", "Corruptions, calibration, confused pairs, other data sets.")
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="FOLDER",
        help=f"other faces in the place of FER2013's: {', '.join(LAYOUTS)} (docs/other-datasets.md)",
    )
    parser.add_argument(
        "--ferplus",
        type=Path,
        metavar="CSV",
        help="FER+ votes, for calibration and the raters' view; else the bundled ones with the bundled images",
    )
    parser.add_argument(
        "--prior",
        type=parse_prior,
        metavar="PRIOR",
        help="adapt our models' predictions to another population: uniform, fer2013, estimate (from these images), or "
        "such as happy=0.2,sad=0.1",
    )
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="measure the published models too")
    parser.add_argument(
        "--images", type=positive, metavar="N", help=f"corrupt N images, evenly spread; else {_USUAL_IMAGES:,}"
    )
    add_selection(parser)
    add_depth(
        parser,
        f"our two smallest models, {_QUICK_IMAGES} images corrupted: 15 s of one core",
        "corrupt all test images: hours",
    )
    parsed = parser.parse_args(arguments)
    require(*REPORT_PACKAGES)
    if parsed.dataset and (parsed.data or parsed.ferplus):
        raise UsageError(
            "--dataset is another data set in the place of FER2013: give no --data and no --ferplus with it"
        )
    usual = _QUICK_IMAGES if parsed.quick else None if parsed.full else _USUAL_IMAGES
    options = options_of(parsed, images=parsed.images or usual)
    if parsed.dataset and not parsed.output:
        options = replace(options, output=options.output / parsed.dataset.resolve().name)
    if parsed.prior and not parsed.output:
        options = replace(options, output=options.output / f"prior-{prior_text(parsed.prior)}")
    faces = load_faces(parsed.dataset) if parsed.dataset else None
    for sentence in faces.notes if faces else ():
        err.print(sentence, markup=False)
    bundled = BUNDLED_VOTES if BUNDLED_VOTES.is_file() and not (parsed.data or parsed.dataset) else None
    measured = run_robustness(options, parsed.peers, parsed.ferplus or bundled, faces, parsed.prior)
    write_robustness(options.output, measured)
    for row in sorted(measured.report.rows, key=lambda row: -row.mean_corruption_accuracy):
        accuracy = f"{row.evaluation.accuracy:.2%} clean, {row.mean_corruption_accuracy:.2%} corrupted"
        out.print(f"{row.name}: {accuracy}", markup=False)
    out.print(f"report: {options.output / 'robustness.md'}", markup=False)
    return 0
