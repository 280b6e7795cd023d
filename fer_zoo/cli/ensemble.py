"""Put several models into one file: `fer-zoo ensemble RUN/model.keras RUN/model.keras --output FOLDER`."""

from __future__ import annotations

import argparse
import shlex

from fer_zoo.backend import select_backend
from fer_zoo.cli.model_files import parser_of, refuse_taken, show
from fer_zoo.errors import UsageError


def main(arguments: list[str]) -> int | None:
    given = _parser().parse_args(arguments)
    if given.weights and given.fit:
        raise UsageError("--weights and --fit exclude each other")
    refuse_taken(given.output)
    backend = select_backend(given.backend)
    from fer_zoo.training.ensembling import build_ensemble

    command = shlex.join(["python", "-m", "fer_zoo.ensemble", *arguments])
    evaluations = build_ensemble(given.models, given.output, backend, given.data, given.weights, given.fit, command)
    show(evaluations, given.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("Average the probabilities of several models in one model file.")
    parser.add_argument("--weights", type=float, nargs="+", help="one for each model; else equal")
    parser.add_argument(
        "--fit", action="store_true", help="choose the weights and the temperature on PublicTest, by likelihood"
    )
    return parser
