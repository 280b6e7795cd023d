"""The facts about a model inside its file: ONNX `metadata_props`, and a metadata buffer of the TFLite flatbuffer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.inference.runtimes import TFLITE_FACTS


def write(path: Path, facts: dict[str, Any]) -> None:
    """Embed `facts` in a .onnx or .tflite file; in ONNX each is a property whose value is JSON, or text as it is."""
    _WRITERS[path.suffix](path, facts)


def read(path: Path) -> dict[str, Any]:
    """The facts embedded in a .onnx or .tflite file, empty where there are none.

    Raises:
        FerZooError: The file is neither.
    """
    if path.suffix not in _READERS:
        raise FerZooError(f"{path} carries no metadata: only .onnx and .tflite files do")
    return _READERS[path.suffix](path)


def _write_onnx(path: Path, facts: dict[str, Any]) -> None:
    import onnx

    model = onnx.load(path)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    onnx.helper.set_model_props(model, texts | _ultralytics(facts))
    onnx.save(model, path)


def _read_onnx(path: Path) -> dict[str, Any]:
    import onnx

    return {
        entry.key: _value(entry.value) for entry in onnx.load(path).metadata_props if entry.key not in _ULTRALYTICS_KEYS
    }


def _ultralytics(facts: dict[str, Any]) -> dict[str, str]:
    """Labels and size once more, under the keys and in the Python notation that Ultralytics' ONNX files have."""
    if not {"labels", "input"} <= facts.keys():
        return {}
    values = (dict(enumerate(facts["labels"])), facts["input"]["shape"][1:3], 1, "classify")
    return {key: str(value) for key, value in zip(_ULTRALYTICS_KEYS, values, strict=True)}


def _write_tflite(path: Path, facts: dict[str, Any]) -> None:
    from ai_edge_litert import schema_py_generated as schema

    from . import flatbuffer

    model = flatbuffer.load(path)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = TFLITE_FACTS, len(model.buffers) - 1
    model.metadata = [*(old for old in model.metadata or [] if old.name != TFLITE_FACTS.encode()), entry]
    model.description = f"{facts.get('model', '')} {facts.get('precision', '')}".strip()
    flatbuffer.save(model, path)


def _read_tflite(path: Path) -> dict[str, Any]:
    from . import flatbuffer

    model = flatbuffer.load(path)
    for entry in model.metadata or []:
        if entry.name == TFLITE_FACTS.encode():
            return json.loads(bytes(model.buffers[entry.buffer].data))
    return {}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


_ULTRALYTICS_KEYS = ("names", "imgsz", "stride", "task")
_WRITERS = {".onnx": _write_onnx, ".tflite": _write_tflite}
_READERS = {".onnx": _read_onnx, ".tflite": _read_tflite}
