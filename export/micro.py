"""A C header for TensorFlow Lite Micro: `python -m export MODEL --target micro FOLDER`."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from fer_zoo.console import HelpFormatter, out
from fer_zoo.errors import UsageError
from fer_zoo.files import write_text
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Reference

_HEADER = """\
/* {name} of fer_zoo for TensorFlow Lite Micro: the facial expression of a face; an expression is not an emotion.
   Input: int8[48 * 48], row by row, gray (0..255) minus 128. Output: int8[{classes}], 256 * probability - 128.
   Operators: {operators}. */
#ifndef {guard}
#define {guard}

#ifdef __cplusplus
#define {guard}_ALIGNED alignas(16)
#else
#define {guard}_ALIGNED _Alignas(16)
#endif

static const char *const {symbol}_labels[] = {{{labels}}};
static const unsigned int {symbol}_model_len = {length};
static {guard}_ALIGNED const unsigned char {symbol}_model[] = {{
{content}
}};

#endif
"""
_BYTES_IN_LINE = 20


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    out.print(f"wrote {write_header(options.model, options.folder)}", markup=False)
    return 0


def write_header(model: str, folder: Path) -> Path:
    """Write `NAME.h` with a file of nothing but integers as an array, and its labels.

    Args:
        model: A `.tflite` file that `python -m export … --also tflite:int8-full` made, or the name of a model of the
            zoo that has one.
        folder: Where the header goes; it replaces the one of an earlier call.

    Returns:
        The header.

    Raises:
        UsageError: There is no such file, or it takes floats.
    """
    path = Path(model)
    classifier = load_classifier(model if path.exists() else f"{Reference.parse(model).model}:tflite:int8-full")
    name = classifier.path.parent.name if path.exists() else Reference.parse(model).model
    if path.exists() and name == "export":
        name = classifier.path.absolute().parent.parent.name
    operators = _operators(classifier.path)
    symbol = re.sub(r"\W", "_", name)
    content = classifier.path.read_bytes()
    lines = [content[start : start + _BYTES_IN_LINE] for start in range(0, len(content), _BYTES_IN_LINE)]
    header = _HEADER.format(
        name=name,
        classes=len(classifier.labels),
        operators=", ".join(operators),
        guard=f"{symbol.upper()}_H",
        symbol=symbol,
        labels=", ".join(json.dumps(label) for label in classifier.labels),
        length=len(content),
        content=",\n".join(", ".join(f"{byte:#04x}" for byte in line) for line in lines),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{symbol}.h", header)
    return folder / f"{symbol}.h"


def _operators(path: Path) -> list[str]:
    """The kinds of operators in a file of nothing but integers."""
    from ai_edge_litert import schema_py_generated as schema

    from . import flatbuffer

    if path.suffix != ".tflite":
        raise UsageError(f"{path} is no TFLite file; make one: python -m export MODEL.keras --also tflite:int8-full")
    model = flatbuffer.load(path)
    (graph,) = model.subgraphs
    if any(graph.tensors[number].type != schema.TensorType.INT8 for number in (*graph.inputs, *graph.outputs)):
        raise UsageError(f"{path} takes floats; make a file that does not: --also tflite:int8-full")
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    return sorted({names[flatbuffer.kind(code)] for code in model.operatorCodes})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write a model as an array into a C header, for TensorFlow Lite Micro.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a .tflite file of integers, or a model of the zoo that has one")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the header goes")
    parser.add_argument("--target", choices=("micro",), required=True, help="this one")
    return parser
