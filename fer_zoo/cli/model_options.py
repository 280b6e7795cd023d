"""Options that several commands have for the model."""

from __future__ import annotations

import argparse

from fer_zoo.errors import UsageError
from fer_zoo.inference.prior import Prior, parse_prior


def add_prior_option(parser: argparse.ArgumentParser) -> None:
    """`--prior`: the population that the predictions are for."""
    parser.add_argument(
        "--prior",
        type=parse_prior,
        metavar="PRIOR",
        help="how often each class occurs among these faces: uniform, fer2013, estimate (from these faces), or "
        "such as happy=0.2,sad=0.1 (default: as in the model's training)",
    )


def fixed_prior(prior: Prior | None) -> Prior | None:
    """The prior of a command that classifies face by face.

    Raises:
        UsageError: It is to be estimated, which takes many faces at once.
    """
    if prior == "estimate":
        raise UsageError(
            "--prior estimate takes many faces at once, as `fer-zoo evaluate`, `fer-zoo predict` of photos and "
            "`Classifier.estimate_prior` do; give frequencies such as happy=0.2,sad=0.1 here"
        )
    return prior
