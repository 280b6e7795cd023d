"""The console script `fer-zoo COMMAND …`."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module

from fer_zoo import __version__
from fer_zoo.console import run
from fer_zoo.errors import UsageError

_COMMANDS = {
    "train": ("fer_zoo.cli.train", "train a model on TensorFlow, JAX or PyTorch"),
    "ensemble": ("fer_zoo.cli.ensemble", "average several models in one model file"),
    "average": ("fer_zoo.cli.average", "average the weights of several trainings of one model"),
    "models": ("fer_zoo.cli.models", "list the trained models: task, accuracy, size, latency"),
    "evaluate": ("fer_zoo.cli.evaluate", "measure a .keras, .onnx or .tflite model on labelled images"),
    "predict": ("fer_zoo.cli.predict", "find the faces in photos or a video and classify their expressions"),
    "live": ("fer_zoo.cli.live", "classify the faces in front of a camera in real time"),
    "serve": ("fer_zoo.cli.serve", "serve a page that classifies faces in the browser, and an HTTP API"),
    "export": ("export.__main__", "write ONNX and TFLite files from a .keras model and check their parity"),
    "benchmark": ("benchmarks.__main__", "measure parity and latency of every artifact"),
    "data": ("fer_zoo.cli.data", "check or download FER2013"),
}


def main(arguments: list[str]) -> int | None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        print(f"fer-zoo {__version__}")
        return 0
    if arguments[0] not in _COMMANDS:
        raise UsageError(f"unknown command {arguments[0]!r}; choose one of {', '.join(_COMMANDS)}")
    module = import_module(_located(_COMMANDS[arguments[0]][0]))
    sys.argv[0] = f"fer-zoo {arguments[0]}"
    return module.main(arguments[1:])


def entry() -> int:
    return run(main)


def _help() -> str:
    lines = [f"  {name:10} {summary}" for name, (_, summary) in _COMMANDS.items()]
    return "\n".join(["usage: fer-zoo COMMAND [options]", "", *lines, "", "fer-zoo COMMAND --help lists its options."])


def _located(module: str) -> str:
    """The full name of a module: `export` and `benchmarks` are top-level in a checkout, inside fer_zoo in a wheel."""
    in_wheel = f"fer_zoo.{module}"
    package = module.partition(".")[0]
    if package == "fer_zoo":
        return module
    return in_wheel if importlib.util.find_spec(f"fer_zoo.{package}") else module
