"""The page of the study, from its table alone."""

from __future__ import annotations

from fer_zoo.text import plural

from ...cells import percent, points, points_interval
from ...table import Columns, markdown_table
from .rows import Difference, LandmarkStudy, RunRow, VariantRow


def _difference(difference: Difference | None) -> str:
    return "" if difference is None else f"{points(difference.mean)} ({points_interval(difference.interval)})"


def _pixels(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


_VARIANTS: Columns[VariantRow] = [
    ("variant", lambda row: f"**{row.variant}**"),
    ("what it is", lambda row: row.about),
    ("weights", lambda row: f"{row.weights:,}"),
    ("million MACs", lambda row: f"{row.macs / 1e6:.1f}"),
    ("PublicTest", lambda row: percent(row.public_test)),
    ("PrivateTest", lambda row: percent(row.private_test)),
    ("s.d. over seeds, points", lambda row: points(row.private_test_deviation).lstrip("+")),
    ("points over none (95 % interval)", lambda row: _difference(row.difference)),
]


def to_markdown(study: LandmarkStudy) -> str:
    """The page: each variant on faces as they are, on changed ones, the landmarks' errors, and each run."""
    corruptions = list(study.variants[0].corrupted)
    changed: Columns[VariantRow] = [
        ("variant", lambda row: f"**{row.variant}**"),
        *((name, lambda row, name=name: percent(row.corrupted[name], 1)) for name in corruptions),
        *(
            (f"{name}, over none", lambda row, name=name: _difference(row.corrupted_difference.get(name)))
            for name in corruptions
        ),
    ]
    errors: Columns[VariantRow] = [
        ("variant", lambda row: f"**{row.variant}**"),
        ("as they are", lambda row: _pixels(row.landmark_error)),
        *((name, lambda row, name=name: _pixels(row.corrupted_landmark_error.get(name))) for name in corruptions),
    ]
    runs: Columns[RunRow] = [
        ("run", lambda row: f"{row.variant}, seed {row.seed}"),
        ("epoch", lambda row: f"{row.best_epoch} of {study.epochs}"),
        ("PublicTest", lambda row: percent(row.public_test)),
        ("PrivateTest", lambda row: percent(row.private_test)),
        (
            "95 % interval",
            lambda row: f"{percent(row.private_test_interval[0])} to {percent(row.private_test_interval[1])}",
        ),
        *((name, lambda row, name=name: percent(row.corrupted[name], 1)) for name in corruptions),
        ("landmarks, pixels", lambda row: _pixels(row.landmark_error)),
    ]
    shares = ", ".join(f"{percent(share, 1)} of {name.replace('_', ' ')}" for name, share in study.found.items())
    finders = [row for row in study.variants if row.landmark_error is not None]
    sections = [
        "# Guidance by landmarks, attention and multi-scale features",
        f"`fernet_nano` and what is added to it, {plural(study.epochs, 'epoch')} on {study.training_images:,} images "
        f"of {study.source}, {plural(len(study.seeds), 'seed')}, the same budget and settings for all "
        f"({study.backend}). The epoch is chosen on PublicTest; PrivateTest has {study.n:,} faces, one crop each. "
        "Intervals of differences are over the faces drawn, each with its mean over the seeds; the spread over "
        "the seeds stands beside them.",
        markdown_table(_VARIANTS, study.variants, left=("what it is",)),
        "![Points over the variant none, each run and the mean](landmarks.png)",
        "## Turned, hidden and shifted faces",
        "Accuracy on PrivateTest changed as in the robustness benchmark, mean over severities "
        f"{', '.join(map(str, study.severities))}, and points over `none` (95 % interval).",
        markdown_table(changed, study.variants),
        "## Landmarks",
        f"The detector (YuNet, on the crop enlarged four times) finds landmarks in {shares} (mean over the "
        "severities); the variant `given` has no maps for the rest.",
    ]
    if finders:
        sections += [
            "Mean distance to the detector's landmarks, in pixels at 48x48, on faces in which it finds them, the "
            "changed ones searched anew. `gating` was never told where they are.",
            markdown_table(errors, finders),
            "![Maps of the landmarks on faces: the detector's are crosses](landmarks_faces.png)",
        ]
    sections += ["## Runs", markdown_table(runs, study.runs)]
    return "\n\n".join(sections) + "\n"
