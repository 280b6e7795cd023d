"""Make one model of several: `fer-zoo ensemble RUN/model.keras RUN/model.keras --output FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fer_zoo.backend import BACKENDS, select_backend
from fer_zoo.console import out, run
from fer_zoo.errors import UsageError


def main(arguments: list[str]) -> int | None:
    given = _parser().parse_args(arguments)
    if given.weights and given.fit:
        raise UsageError("--weights and --fit exclude each other")
    if (given.output / "model.keras").exists():
        raise UsageError(f"{given.output} already holds a model; choose another --output")
    backend = select_backend(given.backend)
    from fer_zoo.training.ensemble import build_ensemble

    evaluations = build_ensemble(given.models, given.output, backend, given.data, given.weights, given.fit)
    for split, evaluation in evaluations.items():
        out.print(f"{split:13} {evaluation.accuracy_text}")
    out.print(f"model and report are in {given.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Average the probabilities of several models in one model file.")
    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL.keras")
    add("--output", type=Path, required=True, metavar="FOLDER")
    add("--weights", type=float, nargs="+", help="one for each model; else all alike")
    add("--fit", action="store_true", help="choose the weights and the temperature on PublicTest, by likelihood")
    add("--data", metavar="PATH", help="folder, zip or CSV of FER2013; else the bundled sample")
    add("--backend", choices=BACKENDS)
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
