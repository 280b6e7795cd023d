"""Average the weights of trainings of one model: `fer-zoo average RUN/model.keras RUN/model.keras --output FOLDER`."""

from __future__ import annotations

import argparse
import shlex

from fer_zoo.backend import select_backend
from fer_zoo.cli.console_reporter import ConsoleReporter
from fer_zoo.cli.model_files import combining_parser, print_accuracies, refuse_nonempty
from fer_zoo.errors import UsageError


def main(arguments: list[str]) -> int | None:
    options = _parser().parse_args(arguments)
    if len(options.models) < 2:
        raise UsageError("an average needs at least two models")
    refuse_nonempty(options.output, "averaged")
    select_backend(options.backend)
    from fer_zoo.training.averaging import average

    command = shlex.join(["python", "-m", "fer_zoo.average", *arguments])
    reporter = ConsoleReporter()
    evaluations = average(options.models, options.output, options.data, options.class_offsets, command, reporter)
    print_accuracies(evaluations, options.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = combining_parser(
        "Average the weights of several trainings of one model that started from the same weights (`fer-zoo train "
        "--warm-start`), if that lowers the loss on PublicTest: the result is as fast as one model and often better."
    )
    parser.add_argument(
        "--class-offsets", action="store_true", help="fit an offset for each class's logit, too, not only a temperature"
    )
    return parser
