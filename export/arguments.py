"""Options that all command lines of exports share, and the printing of results."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from rich.table import Table

from fer_zoo.console import out
from fer_zoo.tables import print_table

from .keras_original import CONVERTERS
from .options import ExportOptions


def add_shared_options(parser: argparse.ArgumentParser, force: str) -> None:
    """Add the options of all exports that convert a Keras model and compare its files with it.

    Args:
        parser: Receives them.
        force: Help of `--force`: what is replaced.
    """
    parser.add_argument("--force", action="store_true", help=force)
    parser.add_argument(
        "--onnx-converter",
        choices=tuple(CONVERTERS),
        help="what converts to ONNX; else tf2onnx, or torch where TensorFlow or tf2onnx is not installed",
    )
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes, for a model of its expressions")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="folder, zip or CSV with images of the model's classes; else the bundled sample, and for classes of your "
        "own what the model was trained on",
    )
    parser.add_argument("--calibration", type=int, default=512, metavar="N", help="train images to calibrate int8 on")


def shared_options(parsed: argparse.Namespace, arguments: list[str]) -> ExportOptions:
    """The values of the options that `add_shared_options` added, and the command line of `arguments`."""
    return ExportOptions(
        data=parsed.data,
        ferplus=parsed.ferplus,
        calibration_images=parsed.calibration,
        force=parsed.force,
        command=shlex.join(["python", "-m", "export", *arguments]),
        report=print_report,
    )


def print_report(part: str | Table) -> None:
    """Print a sentence or a table."""
    if isinstance(part, Table):
        print_table(part, optional=["mean |Δp|", "kB"])
    else:
        out.print(part, markup=False)
