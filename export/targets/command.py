"""`python -m export MODEL --target openvino FOLDER`, and so for the other runtimes."""

from __future__ import annotations

import argparse
import shlex
from importlib import import_module
from pathlib import Path

from rich.table import Table

from fer_zoo.console import HelpFormatter, out
from fer_zoo.errors import UsageError
from fer_zoo.tables import print_table
from fer_zoo.zoo import original_path

from ..original import (
    CONVERTERS,
    check_arguments,
    installed_converter,
    name_in_zoo,
    original_file,
    prepare_keras,
)
from . import RUNTIMES


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    name = name_in_zoo(options.model)
    listed = original_path(name, absent=True) if name else None
    check_arguments(listed or options.model, options.calibration, restorable=listed is not None)
    target = import_module(f".{options.target}", __package__).TARGET
    if options.precision not in target.precisions:
        raise UsageError(f"--target {target.name} has no {options.precision}; it has {', '.join(target.precisions)}")
    if target.converter and options.onnx_converter:
        raise UsageError(f"--target {target.name} is not made from ONNX; leave out --onnx-converter")
    target.require()
    prepare_keras(target.converter or options.onnx_converter or installed_converter())
    from .publish import publish_target

    settings = {"data": options.data, "ferplus": options.ferplus, "calibration_images": options.calibration}
    settings |= {"force": options.force, "report": _print}
    settings |= {"command": shlex.join(["python", "-m", "export", *arguments])}
    with original_file(listed or options.model) as source:
        publish_target(target, source, options.folder, options.precision, **settings)
    out.print(f"the files for {target.title} are in {options.folder}", markup=False)
    return 0


def _print(part: str | Table) -> None:
    if isinstance(part, Table):
        print_table(part, optional=["mean |Δp|", "kB"])
    else:
        out.print(part, markup=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write a model's files for another runtime, if they give the original's predictions there.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.keras", help="or the name of a model of the zoo")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    parser.add_argument("--target", choices=RUNTIMES, required=True, help="the runtime")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp32", help="int8 for OpenVINO only")
    parser.add_argument("--onnx-converter", choices=tuple(CONVERTERS), help="what converts to ONNX, where needed")
    parser.add_argument("--data", metavar="PATH", help="folder, zip or CSV to compare on; else the bundled sample")
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes, for a model of its expressions")
    parser.add_argument("--calibration", type=int, default=512, metavar="N", help="train images to calibrate int8 on")
    parser.add_argument("--force", action="store_true", help="replace what is in the folder")
    return parser
