"""Average the weights of trainings of one model: `fer-zoo average RUN/model.keras RUN/model.keras --output FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fer_zoo.backend import BACKENDS, select_backend
from fer_zoo.console import out, run
from fer_zoo.errors import UsageError


def main(arguments: list[str]) -> int | None:
    given = _parser().parse_args(arguments)
    if len(given.models) < 2:
        raise UsageError("a mean needs at least two models")
    if (given.output / "model.keras").exists():
        raise UsageError(f"{given.output} already holds a model; choose another --output")
    select_backend(given.backend)
    from fer_zoo.training.average import average

    evaluations = average(given.models, given.output, given.data, given.class_offsets)
    for split, evaluation in evaluations.items():
        out.print(f"{split:13} {evaluation.accuracy_text}")
    out.print(f"model and report are in {given.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Average the weights of trainings of one model that went on from the same weights "
        "(`fer-zoo train --warm-start`), as far as PublicTest prefers it: the same model, no slower, often better."
    )
    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL.keras")
    add("--output", type=Path, required=True, metavar="FOLDER")
    add("--class-offsets", action="store_true", help="fit an offset for each class's logits besides the temperature")
    add("--data", metavar="PATH", help="folder, zip or CSV of FER2013; else the bundled sample")
    add("--backend", choices=BACKENDS)
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
