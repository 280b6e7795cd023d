"""The table of converters to ONNX."""

from __future__ import annotations

from dataclasses import dataclass

from ...machine import Machine


@dataclass(frozen=True)
class ConverterRow:
    """One model by one converter, as float32 ONNX.

    Attributes:
        model: Name in the zoo.
        sha256: SHA-256 of the Keras original.
        converter: Name of the converter: `tf2onnx`, `torch` or `jax2onnx`.
        opset: Opset of the file.
        nodes_converted: Number of nodes as the converter wrote them, of the folded model.
        nodes: Number of nodes of the finished file: after ONNX Runtime's optimization for any processor (tf2onnx does
            without) and `export`'s own steps.
        bytes: Size of the finished file.
        n: Number of test images of the comparison with the Keras original on the converter's backend.
        agreement: Share of images with the same prediction, 0..1.
        max_abs_diff: Largest |Δp|, 0..1.
        convert_cpu_seconds: CPU time of the conversion, with what the converter loads at its first use.
        cpu_ms: CPU time of ONNX Runtime for one image, one thread, the median of rounds in which the files of a model
            take turns, milliseconds.
        cpu_ms_converted: The same of the file as the converter wrote it.
    """

    model: str
    sha256: str
    converter: str
    opset: int
    nodes_converted: int
    nodes: int
    bytes: int
    n: int
    agreement: float
    max_abs_diff: float
    convert_cpu_seconds: float
    cpu_ms: float
    cpu_ms_converted: float


@dataclass(frozen=True)
class Converters:
    """The record of a run.

    Attributes:
        when: Date and time in UTC.
        machine: Machine that it ran on.
        versions: Version of each package that converts or computes.
        left_out: A sentence for each converter that is not installed, or failed on a model.
        rows: One for each model and converter.
    """

    when: str
    machine: Machine
    versions: dict[str, str]
    left_out: tuple[str, ...] = ()
    rows: tuple[ConverterRow, ...] = ()
