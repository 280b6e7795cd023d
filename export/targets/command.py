"""`python -m export MODEL --target openvino FOLDER`, and so for the other runtimes."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from fer_zoo.console import HelpFormatter, out
from fer_zoo.errors import UsageError

from ..arguments import add_shared_options, shared_options
from ..keras_original import check_arguments, find_original, installed_converter, original_file, prepare_keras
from . import RUNTIMES


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    name, original = find_original(options.model)
    check_arguments(original, options.calibration, restorable=name is not None)
    target = import_module(f".{options.target}", __package__).TARGET
    if options.precision not in target.precisions:
        raise UsageError(f"--target {target.name} has no {options.precision}; it has {', '.join(target.precisions)}")
    if target.converter and options.onnx_converter:
        raise UsageError(f"--target {target.name} is not made from ONNX; leave out --onnx-converter")
    target.require()
    prepare_keras(target.converter or options.onnx_converter or installed_converter())
    from .publish_target import publish_target

    with original_file(original) as source:
        publish_target(target, source, options.folder, options.precision, shared_options(options, arguments))
    out.print(f"the files for {target.title} are in {options.folder}", markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write a model's files for another runtime, if they give the original's predictions there.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.keras", help="or the name of a model of the zoo")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    parser.add_argument("--target", choices=RUNTIMES, required=True, help="the runtime")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp32", help="int8 for OpenVINO only")
    add_shared_options(parser, force="replace what is in the folder")
    return parser
