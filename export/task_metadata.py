"""TFLite Metadata: what MediaPipe Tasks and the TFLite Task Library must know of a classifier, inside its file.

A flatbuffer by the schema `metadata_schema.fbs` (file identifier M001) in a buffer of the model that is called
TFLITE_METADATA, and the label files as a zip archive behind the model
(https://ai.google.dev/edge/litert/conversion/tensorflow/metadata). Google's tflite-support writes it too, but demands a
protobuf that no current TensorFlow takes, and mediapipe an OpenCV that takes the place of the headless one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from . import flatbuffer

BUFFER = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
# Every field that is written here is as old as the schema.
_PARSER_VERSION = "1.0.0"
# Members of the schema's unions and enumerations.
_FEATURE_PROPERTIES, _IMAGE_PROPERTIES = np.uint8(1), np.uint8(2)
_NORMALIZATION_OPTIONS = np.uint8(1)
_RGB = np.int8(1)
_TENSOR_AXIS_LABELS = np.int8(2)


@dataclass(frozen=True)
class TaskMetadata:
    """The facts in the metadata.

    Attributes:
        name: Name of the model.
        description: Description of the model, for people who build an app with it.
        version: Version of the package that made it.
        author: Who made it.
        license: License of the weights.
        image: What the input is, for people.
        size: Width and height of the input.
        probabilities: What the output is, for people.
        labels: Words for the output's columns, by language (ISO 639-1); the first language is the default.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    image: str
    size: tuple[int, int]
    probabilities: str
    labels: Mapping[str, Sequence[str]]


def label_files(labels: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    """Name and content of the label file of each language: one word a line; the first language's is `labels.txt`."""
    default = next(iter(labels))
    return {
        language: ("labels.txt" if language == default else f"labels_{language}.txt", "\n".join(words) + "\n")
        for language, words in labels.items()
    }


def write(path: Path, metadata: TaskMetadata) -> None:
    """Put the metadata and the label files into a .tflite file that has none.

    The one input is declared an RGB image whose values go into the model as they are, 0..255; the one output, the
    probabilities of the labels. Nothing may rewrite the file afterwards, since that would cut off the label files.
    """
    model = flatbuffer.load(path)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(encode(metadata), np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = BUFFER, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    flatbuffer.save(model, path)
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in label_files(metadata.labels).values():
            # Stored, since the phone maps the file into memory; with no date, so that the same model is the same file.
            archive.writestr(zipfile.ZipInfo(name), content)


def encode(metadata: TaskMetadata) -> bytes:
    """The flatbuffer `ModelMetadata`; every tuple below is a table of the schema, its fields in the schema's order."""
    width, height = metadata.size
    labels = [
        (name, f"labels in language {language}", _TENSOR_AXIS_LABELS, language)
        for language, (name, _) in label_files(metadata.labels).items()
    ]
    image = (
        "image",
        metadata.image,
        None,
        (_IMAGE_PROPERTIES, (_RGB, (np.uint32(width), np.uint32(height)))),
        [(_NORMALIZATION_OPTIONS, (np.zeros(1, np.float32), np.ones(1, np.float32)))],
        (np.full(1, 255, np.float32), np.zeros(1, np.float32)),
    )
    probabilities = (
        "probabilities",
        metadata.probabilities,
        None,
        (_FEATURE_PROPERTIES, ()),
        None,
        (np.ones(1, np.float32), np.zeros(1, np.float32)),
        labels,
    )
    graph = (metadata.name, None, [image], [probabilities])
    model = (metadata.name, metadata.description, metadata.version, [graph], metadata.author, metadata.license)
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, (*model, None, _PARSER_VERSION)), _IDENTIFIER)
    return bytes(builder.Output())


def _write(builder: flatbuffers.Builder, value: Any) -> int:
    """Write a string, a vector of floats, a vector of tables (list) or a table (tuple); returns where it is.

    Fields of a table are any of these, numbers of a NumPy type, or `None` where absent.
    """
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    # What a table or a vector refers to must be complete before it is begun.
    parts = [part if part is None or isinstance(part, np.generic) else _write(builder, part) for part in value]
    if isinstance(value, list):
        builder.StartVector(4, len(parts), 4)
        for part in reversed(parts):
            builder.PrependUOffsetTRelative(part)
        return builder.EndVector()
    builder.StartObject(len(parts))
    slots = {np.int8: builder.PrependInt8Slot, np.uint8: builder.PrependUint8Slot, np.uint32: builder.PrependUint32Slot}
    for slot, part in enumerate(parts):
        if part is not None:
            slots.get(type(part), builder.PrependUOffsetTRelativeSlot)(slot, part, 0)
    return builder.EndObject()
