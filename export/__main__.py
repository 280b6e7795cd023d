"""Export a trained model: `python -m export runs/baseline_cnn-jax/model.keras`."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from fer_zoo.backend import select_backend
from fer_zoo.console import run
from fer_zoo.errors import UsageError

_FORMATS = ("onnx", "tflite")
_PACKAGES = ("tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "sklearn", "matplotlib")


def main(arguments: list[str]) -> int | None:
    given = _parser().parse_args(arguments)
    formats = tuple(given.formats.split(","))
    if not formats or set(formats) - set(_FORMATS):
        raise UsageError(f"--formats is {given.formats!r}; it takes {', '.join(_FORMATS)} or both with a comma")
    if given.calibration < 1:
        raise UsageError(f"--calibration is {given.calibration}; it must be at least 1")
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(f"export needs {', '.join(missing)}; run `pip install 'fer-zoo[export]'`")
    if not given.model.is_file():
        raise UsageError(f"{given.model} does not exist; train a model first: python -m fer_zoo.train")
    # TFLite and tf2onnx convert a TensorFlow SavedModel, whatever backend trained the model.
    select_backend("tensorflow")
    from .publish import publish

    publish(given.model, given.output, given.data, given.calibration, formats)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write ONNX (fp32, int8) and TFLite (fp32, fp16, int8) files and publish them if parity holds.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.keras")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="else artifacts/<name of the model>")
    parser.add_argument("--formats", default=",".join(_FORMATS), help="onnx, tflite, or both with a comma")
    parser.add_argument("--data", metavar="PATH", help="folder, zip or CSV of FER2013; else the bundled sample")
    parser.add_argument("--calibration", type=int, default=512, metavar="N", help="train images to calibrate int8 on")
    return parser


if __name__ == "__main__":
    if sys.argv[0].endswith("__main__.py"):
        sys.argv[0] = "python -m export"
    sys.exit(run(main))
