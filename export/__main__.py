"""Export a trained model: `python -m export runs/NAME/model.keras` writes `runs/NAME/export/`."""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.table import Table

from fer_zoo.backend import select_backend
from fer_zoo.console import HelpFormatter, out, run
from fer_zoo.errors import UsageError
from fer_zoo.files import sha256
from fer_zoo.inference.prior import parse_prior, prior_text
from fer_zoo.tables import print_table
from fer_zoo.zoo import (
    artifact_path,
    artifacts_dir,
    find_file,
    load_manifest,
    original_path,
    run_config,
    training_prior,
)

from .destination import MOBILE, destination_of, sha_of_original

_FORMATS = ("onnx", "tflite")
_FILES = ("onnx:fp32", "onnx:int8", "tflite:fp32", "tflite:fp16", "tflite:int8")
_MORE_FILES = ("tflite:int8-full",)
# Targets that take exported files as they are: modules with a command line of their own.
_REPACKED = ("triton", "hub", "micro")
_PACKAGES = ("tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "sklearn", "matplotlib")


def main(arguments: list[str]) -> int | None:
    if arguments[:1] == ["compare-quantizers"]:
        raise UsageError("comparing quantizers is a benchmark now: fer-zoo benchmark quantizers MODEL.keras")
    if (target := _target(arguments)) in _REPACKED:
        return import_module(f".{target}", __package__).main(arguments)
    given = _parser().parse_args(arguments)
    formats = tuple(given.formats.split(","))
    if not formats or set(formats) - set(_FORMATS):
        raise UsageError(f"--formats is {given.formats!r}; it takes {', '.join(_FORMATS)} or both with a comma")
    if given.target == "mobile" and "tflite" not in formats:
        raise UsageError("--target mobile writes TFLite; leave out --formats")
    if given.target == "mobile" and given.also:
        raise UsageError("--also is for the zoo's files; leave out --target mobile")
    if given.publish and given.output:
        raise UsageError("--publish writes into the zoo's own folder; leave out --output")
    name = _name_in_zoo(given.model)
    if given.also and name and not (given.output or given.force):
        raise UsageError(f"--also would add to the zoo's own files of {name}: give --output FOLDER, or pass --force")
    if given.prior is not None and (given.publish or (name is not None and given.output is None)):
        raise UsageError("--prior makes files beside the zoo's own: give --output FOLDER, and leave out --publish")
    original = original_path(name, absent=True) if name else None
    if given.prior is not None and run_config((original or given.model).parent).get("members"):
        # Before the ensemble is made again from its members, which may not be here.
        raise UsageError(f"{given.model} averages several models: it has no last bias; export one of them")
    _start(original or given.model, given.calibration, can_be_made=original is not None)
    # A model of the zoo is exported there: its own files are all that can lie in its folder.
    output = given.output
    if given.prior is not None and output is None:
        output = given.model.parent / f"export-{prior_text(given.prior)}"
    into_zoo = given.publish or (name is not None and output is None)
    if into_zoo:
        destination_of(given.model, "", publish=True)
        if name and given.target == "mobile" and not given.force and _has_phone_files(original):
            return 0
    with ExitStack() as stack:
        model = stack.enter_context(_original(original or given.model))
        if given.prior is not None:
            from .population import adapted_to

            model = stack.enter_context(adapted_to(model, given.prior, training_prior(original or given.model)))
        settings: dict[str, Any] = {"data": given.data, "calibration_images": given.calibration}
        settings |= {"ferplus": given.ferplus, "tell": _print}
        settings |= {"command": shlex.join(["python", "-m", "export", *arguments])}
        if given.target == "mobile":
            from .mobile import publish_mobile

            publish_mobile(model, output, **settings, into_zoo=into_zoo, force=given.force)
            return 0
        from .publish import complete, publish

        settings |= {"formats": formats, "leave_out": tuple(given.leave_out)}
        if name and into_zoo and not given.force:
            complete(name, model, **settings)
        else:
            publish(model, output, **settings, also=tuple(given.also), into_zoo=into_zoo, force=given.force)
    return 0


def _print(part: str | Table) -> None:
    if isinstance(part, Table):
        print_table(part, optional=["mean |Δp|", "kB"])
    else:
        out.print(part, markup=False)


def _target(arguments: list[str]) -> str | None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--target")
    return parser.parse_known_args(arguments)[0].target


def _name_in_zoo(model: Path) -> str | None:
    """The name of the zoo's model that is meant, by its name or its file; `None` for any other."""
    if not model.exists():
        return str(model) if original_path(str(model), absent=True) else None
    originals = {a.model: artifact_path(a, artifacts_dir()) for a in load_manifest() if a.format == "keras"}
    return next((name for name, path in originals.items() if path.resolve() == model.resolve()), None)


def _has_phone_files(original: Path | None) -> bool:
    """Whether the zoo has this model's files for phones already, which is printed then."""
    if original is None or not original.is_file():
        return False
    folder = original.parent / MOBILE
    there = sha_of_original(folder) == sha256(original)
    if there:
        out.print(f"the files for phones are in {folder}; --force makes them again", markup=False)
    return there


@contextmanager
def _original(model: Path) -> Iterator[Path]:
    """The `.keras` file; where it is not there, an ensemble is made again from its members, another is downloaded."""
    if model.is_file():
        yield model
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path in model.parent.glob("*.json"):
            shutil.copyfile(path, folder / path.name)
        if run_config(folder).get("members"):
            from fer_zoo.training.ensembling import rebuild_ensemble

            yield rebuild_ensemble(model.parent / "config.json", folder, artifacts_dir())
        else:
            shutil.copyfile(find_file(f"{model.parent.name}:keras"), folder / model.name)
            yield folder / model.name


def _start(model: Path, calibration: int, can_be_made: bool = False) -> None:
    """Hold the arguments against what export needs, and choose the backend."""
    if calibration < 1:
        raise UsageError(f"--calibration is {calibration}; it must be at least 1")
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(f"export needs {', '.join(missing)}; run `pip install 'fer-zoo[export]'`")
    if not model.is_file() and not can_be_made:
        raise UsageError(f"{model} does not exist; train a model first: python -m fer_zoo.train")
    # TFLite and tf2onnx convert a TensorFlow SavedModel, whatever backend trained the model.
    select_backend("tensorflow")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write ONNX (fp32, int8) and TFLite (fp32, fp16, int8) files beside the model, if parity holds.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL.keras",
        help="or the name of a model of the zoo, to make what is missing of it",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="else the folder export beside the model")
    parser.add_argument("--publish", action="store_true", help="write into the zoo instead: artifacts/<model's name>")
    parser.add_argument("--force", action="store_true", help="replace what lies there, another model's files too")
    parser.add_argument(
        "--target",
        choices=("zoo", "mobile", *_REPACKED),
        default="zoo",
        help="mobile: TFLite for MediaPipe Tasks on Android and iOS, in the folder mobile of the output; "
        "triton: a model repository for NVIDIA Triton; hub: a folder for a model hub and transformers.js; micro: a C "
        "header for TensorFlow Lite Micro; these as `MODEL --target triton FOLDER`, whose --help tells more",
    )
    parser.add_argument("--formats", default=",".join(_FORMATS), help="onnx, tflite, or both with a comma")
    parser.add_argument(
        "--leave-out",
        nargs="+",
        default=[],
        choices=_FILES,
        metavar="FORMAT:PRECISION",
        help=f"files not to write, such as one that misses its gate: {', '.join(_FILES)}",
    )
    parser.add_argument(
        "--also",
        nargs="+",
        default=[],
        choices=_MORE_FILES,
        metavar="FORMAT:PRECISION",
        help="files to write besides: tflite:int8-full, without a float in it, for microcontrollers and NPUs",
    )
    parser.add_argument(
        "--prior",
        type=parse_prior,
        metavar="PRIOR",
        help="write files that answer for another population: uniform, or such as happy=0.2,sad=0.1; in the folder "
        "export-PRIOR beside the model",
    )
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes, for a model of its expressions")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="folder, zip or CSV with images of the model's classes; else the bundled sample, and for classes of your "
        "own what the model was trained on",
    )
    parser.add_argument("--calibration", type=int, default=512, metavar="N", help="train images to calibrate int8 on")
    return parser


if __name__ == "__main__":
    if sys.argv[0].endswith("__main__.py"):
        sys.argv[0] = "python -m export"
    sys.exit(run(main))
