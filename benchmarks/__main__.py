"""`python -m benchmarks`: parity and latency of every file of the zoo, and their report; and the other benchmarks."""

from __future__ import annotations

import sys
from importlib import import_module

from fer_zoo.console import run

# Module, its function, and what it measures.
_COMMANDS = {
    "compare": ("report.command", "compare_main", "what changed between two reports"),
    "crops": ("studies.command", "crops_main", "the comparison of face crops"),
    "processors": ("report.command", "processors_main", "the times of several machines in one page"),
    "readme": ("report.command", "readme_main", "the README's tables"),
    "debug": ("studies.command", "debug_main", "where an int8 graph departs from float"),
    "sensitivity": ("studies.command", "sensitivity_main", "what rounding each layer costs"),
    "quantizers": ("studies.quantizers.command", "main", "what other quantizers would have made of a model"),
    "onnx-converters": ("studies.converters.command", "main", "converters from Keras to ONNX"),
    "populations": ("studies.populations.command", "main", "predictions adapted to other populations"),
    "landmarks": ("studies.landmarks.command", "main", "guidance by landmarks, attention and multi-scale features"),
    "generalization": ("studies.generalization.command", "main", "what in training makes a model transfer"),
    "experiments": ("experiments.command", "main", "training runs side by side"),
    "tta": ("accuracy.command", "tta_main", "accuracy with test-time augmentation"),
    "seeds": ("accuracy.command", "seeds_main", "mean and spread over seeds"),
    "training": ("training.command", "main", "images a second of a training step"),
    "peers": ("peers.command", "main", "the published models beside ours"),
    "throughput": ("throughput.command", "main", "photos a second of `fer-zoo predict`"),
    "scale": ("scale.command", "main", "photos on Ray's workers, and what a billion cost"),
    "serve": ("serving.command", "main", "requests a second of the HTTP server"),
    "runtimes": ("runtimes.command", "main", "files of the zoo in other runtimes"),
    "voice": ("voice.command", "main", "the voice model, and voices with faces"),
    "robustness": ("robustness.command", "main", "corruptions, calibration, confused pairs, other data sets"),
}


def main(arguments: list[str]) -> int:
    """Run a benchmark; 1 when a file misses a gate or could not be measured."""
    if arguments and arguments[0] in _COMMANDS:
        module, function, _ = _COMMANDS[arguments[0]]
        return getattr(import_module(f"{__package__}.{module}"), function)(arguments[1:])
    from .report.command import main as report

    return report(arguments, "; ".join(f"`{name}`, {summary}" for name, (_, _, summary) in _COMMANDS.items()))


if __name__ == "__main__":
    sys.exit(run(main))
