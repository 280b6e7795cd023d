"""The page of the converters to ONNX, from its rows alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from ...table import Columns, markdown_table
from .rows import ConverterRow, Converters

_COLUMNS: Columns[ConverterRow] = [
    ("model", lambda row: row.model),
    ("converter", lambda row: row.converter),
    ("opset", lambda row: str(row.opset)),
    ("nodes as converted", lambda row: f"{row.nodes_converted}"),
    ("nodes", lambda row: f"{row.nodes}"),
    ("kB", lambda row: f"{row.bytes / 1000:,.1f}"),
    ("agreement", lambda row: f"{row.agreement:.2%}"),
    ("max Δp", lambda row: f"{row.max_abs_diff:.1e}"),
    ("ms, as converted", lambda row: f"{row.cpu_ms_converted:.3f}"),
    ("ms", lambda row: f"{row.cpu_ms:.3f}"),
    ("conversion, s", lambda row: f"{row.convert_cpu_seconds:.1f}"),
]


def to_markdown(record: Converters, plot: str) -> str:
    """The page; `plot` is the file name of its picture."""
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    busy = " Other programs were running, so that times are too long." if record.machine.busy else ""
    sections = [
        "# Converters to ONNX",
        "Shipped models, folded, by each converter to float32 ONNX: `python -m benchmarks onnx-converters`. Nodes "
        "as converted are the converter's own; the finished file has passed ONNX Runtime's optimization for any "
        "processor (but for tf2onnx, which does the same itself) and the steps of `export`. Agreement and the largest "
        "difference of a probability are against the Keras original on the converter's backend. Times are CPU "
        "milliseconds of ONNX Runtime for one image on one thread, the median of rounds in which all files of a model "
        "take turns; the conversion is CPU seconds, with what the converter loads at its first use.",
        "\n".join(f"- {sentence}" for sentence in (*_summary(record.rows), *record.left_out)),
        markdown_table(_COLUMNS, record.rows, left=["converter"]),
        f"![CPU time relative to tf2onnx]({plot})",
        f"On {record.machine.cpu}, commit {record.machine.commit or '-'}, {record.when[:10]}, with {versions}.{busy}",
    ]
    return "\n\n".join(sections) + "\n"


def _summary(rows: Sequence[ConverterRow]) -> list[str]:
    """A sentence for each converter: time relative to tf2onnx, and the worst difference."""
    sentences = []
    base = {row.model: row for row in rows if row.converter == "tf2onnx"}
    for name in dict.fromkeys(row.converter for row in rows):
        mine = [row for row in rows if row.converter == name]
        sentence = f"**{name}**: {len(mine)} models, largest difference {max(row.max_abs_diff for row in mine):.1e}"
        shared = [row for row in mine if row.model in base]
        if name != "tf2onnx" and shared:
            ratio = statistics.median(row.cpu_ms / base[row.model].cpu_ms for row in shared)
            raw = statistics.median(row.cpu_ms_converted / base[row.model].cpu_ms for row in shared)
            sentence += f", {ratio:.2f} times tf2onnx's CPU time (median; {raw:.2f} as converted)"
        sentences.append(sentence + ".")
    return sentences
