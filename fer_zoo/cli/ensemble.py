"""Put several models into one file: `fer-zoo ensemble RUN/model.keras RUN/model.keras --output FOLDER`."""

from __future__ import annotations

import argparse
import shlex

from fer_zoo.backend import select_backend
from fer_zoo.cli.model_files import combining_parser, print_accuracies, refuse_nonempty
from fer_zoo.errors import UsageError


def main(arguments: list[str]) -> int | None:
    options = _parser().parse_args(arguments)
    if options.weights and options.fit:
        raise UsageError("--weights and --fit exclude each other")
    refuse_nonempty(options.output, "members")
    backend = select_backend(options.backend)
    from fer_zoo.training.ensembling import build_ensemble

    command = shlex.join(["python", "-m", "fer_zoo.ensemble", *arguments])
    evaluations = build_ensemble(
        options.models, options.output, backend, options.data, options.weights, options.fit, command
    )
    print_accuracies(evaluations, options.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = combining_parser("Average the probabilities of several models in one model file.")
    parser.add_argument("--weights", type=float, nargs="+", help="a weight for each model (default: equal weights)")
    parser.add_argument(
        "--fit", action="store_true", help="choose the weights and the temperature on PublicTest, by likelihood"
    )
    return parser
