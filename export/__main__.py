"""Export a trained model: `python -m export runs/NAME/model.keras` writes `runs/NAME/export/`."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from fer_zoo.console import HelpFormatter, out, run
from fer_zoo.errors import UsageError
from fer_zoo.files import sha256
from fer_zoo.inference.prior import parse_prior, prior_text
from fer_zoo.zoo import run_config, training_prior

from .arguments import add_shared_options, print_report, shared_options
from .destination import MOBILE, destination_of, sha_of_original
from .keras_original import check_arguments, find_original, installed_converter, original_file, prepare_keras
from .targets import RUNTIMES

_FORMATS = ("onnx", "tflite")
_FILES = ("onnx:fp32", "onnx:int8", "tflite:fp32", "tflite:fp16", "tflite:int8")
_MORE_FILES = ("tflite:int8-full",)
# Targets that repackage exported files, or have other inputs: modules with a command line of their own.
_REPACKAGED = ("triton", "hub", "micro", "voice")


def main(arguments: list[str]) -> int | None:
    if arguments[:1] == ["compare-quantizers"]:
        raise UsageError("comparing quantizers is a benchmark now: fer-zoo benchmark quantizers MODEL.keras")
    if (target := _target(arguments)) in _REPACKAGED:
        return import_module(f".{target}", __package__).main(arguments)
    if target in RUNTIMES:
        return import_module(".targets.command", __package__).main(arguments)
    options = _parser().parse_args(arguments)
    converter, formats = _choose_converter(options)
    name, original = find_original(options.model)
    _check(options, name, original)
    check_arguments(original, options.calibration, restorable=name is not None)
    prepare_keras(converter, *(("ai_edge_litert",) if "tflite" in formats else ()))
    # A model of the zoo is exported into the zoo, unless another folder is given.
    output = options.output
    if options.prior is not None and output is None:
        output = options.model.parent / f"export-{prior_text(options.prior)}"
    into_zoo = options.publish or (name is not None and output is None)
    if into_zoo:
        destination_of(options.model, "", publish=True)
        if name and options.target == "mobile" and not options.force and _has_phone_files(original):
            return 0
    with ExitStack() as stack:
        model = stack.enter_context(original_file(original))
        if options.prior is not None:
            from .population import adapted_to

            model = stack.enter_context(adapted_to(model, options.prior, training_prior(original)))
        export = replace(
            shared_options(options, arguments),
            formats=formats,
            leave_out=tuple(options.leave_out),
            also=tuple(options.also),
        )
        if options.target == "mobile":
            from .mobile import publish_mobile

            publish_mobile(model, export, output, into_zoo)
            return 0
        from .publish import complete, publish

        if name and into_zoo and not options.force:
            complete(name, model, export)
        else:
            publish(model, export, output, into_zoo)
    return 0


def _check(options: argparse.Namespace, name: str | None, original: Path) -> None:
    """Refuse options that contradict each other.

    Args:
        options: The parsed options.
        name: Name of the model in the zoo; `None` for any other model.
        original: Its `.keras` file, which may be missing.
    """
    if options.target == "mobile" and options.also:
        raise UsageError("--also is for the zoo's files; leave out --target mobile")
    if options.publish and options.output:
        raise UsageError("--publish writes into the zoo's own folder; leave out --output")
    if options.also and name and not (options.output or options.force):
        raise UsageError(f"--also would add to the zoo's own files of {name}: give --output FOLDER, or pass --force")
    if options.prior is not None and (options.publish or (name is not None and options.output is None)):
        raise UsageError("--prior makes files beside the zoo's own: give --output FOLDER, and leave out --publish")
    if options.prior is not None and run_config(original.parent).get("members"):
        # Checked before the ensemble is built from its members, which may be missing.
        raise UsageError(f"{options.model} averages several models: it has no last bias; export one of them")


def _target(arguments: list[str]) -> str | None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--target")
    return parser.parse_known_args(arguments)[0].target


def _has_phone_files(original: Path) -> bool:
    """Whether the zoo has this model's files for phones already; prints where."""
    if not original.is_file():
        return False
    folder = original.parent / MOBILE
    if sha_of_original(folder) != sha256(original):
        return False
    out.print(f"the files for phones are in {folder}; --force makes them again", markup=False)
    return True


def _choose_converter(options: argparse.Namespace) -> tuple[str, tuple[str, ...]]:
    """The converter to ONNX and the formats to write.

    Keras has one backend in a process, and only on TensorFlow there are TFLite files.
    """
    formats = tuple(options.formats.split(",")) if options.formats is not None else _FORMATS
    if not formats or set(formats) - set(_FORMATS):
        raise UsageError(f"--formats is {options.formats!r}; it takes {', '.join(_FORMATS)} or both with a comma")
    if options.target == "mobile" and "tflite" not in formats:
        raise UsageError("--target mobile writes TFLite; leave out --formats")
    tflite = options.target == "mobile" or bool(options.also) or (options.formats is not None and "tflite" in formats)
    if options.onnx_converter == "torch" and tflite:
        raise UsageError("TFLite files need TensorFlow, and Keras has one backend in a process: export them separately")
    converter = options.onnx_converter or ("tf2onnx" if tflite else installed_converter())
    if converter == "torch":
        formats = ("onnx",)
        if options.onnx_converter is None:
            print_report(
                "TensorFlow or tf2onnx is not installed: torch converts to ONNX, and no TFLite files are written"
            )
    return converter, formats


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
    parser.add_argument(
        "--target",
        choices=("zoo", "mobile", *_REPACKAGED, *RUNTIMES),
        default="zoo",
        help="mobile: TFLite for MediaPipe Tasks on Android and iOS, in the folder mobile of the output; "
        "triton: a model repository for NVIDIA Triton; hub: a folder for a model hub and transformers.js; micro: a C "
        "header for TensorFlow Lite Micro; voice: the files of a voice model; openvino, ncnn, mnn, coreml: files of "
        "these runtimes; all but mobile as `MODEL --target triton FOLDER`, whose --help tells more",
    )
    parser.add_argument("--formats", help="onnx, tflite, or both with a comma, which is the default")
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
        help="write files whose predictions are for another population: uniform, or such as happy=0.2,sad=0.1; in the "
        "folder export-PRIOR beside the model",
    )
    add_shared_options(parser, force="replace what is there, another model's files too")
    return parser


if __name__ == "__main__":
    if sys.argv[0].endswith("__main__.py"):
        sys.argv[0] = "python -m export"
    sys.exit(run(main))
