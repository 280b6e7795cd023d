"""Options for the model that several commands share."""

from __future__ import annotations

import argparse

from fer_zoo.errors import UsageError
from fer_zoo.inference.prior import Prior, parse_prior


def add_prior_option(parser: argparse.ArgumentParser) -> None:
    """Add `--prior`: how often each class occurs among the faces to classify."""
    parser.add_argument(
        "--prior",
        type=parse_prior,
        metavar="PRIOR",
        help="how often each class occurs among these faces: uniform, fer2013, estimate (from these faces), or "
        "such as happy=0.2,sad=0.1 (default: as in the model's training)",
    )


def fixed_prior(prior: Prior | None) -> Prior | None:
    """The prior for a command that classifies faces one by one.

    Raises:
        UsageError: The prior is `estimate`, which needs many faces at once.
    """
    if prior == "estimate":
        raise UsageError(
            "--prior estimate needs many faces at once, as `fer-zoo evaluate`, `fer-zoo predict` for photos and "
            "`Classifier.estimate_prior` have; give frequencies such as happy=0.2,sad=0.1 here"
        )
    return prior
