"""Convert models by one converter, in a process of its own, since Keras has one backend in a process.

With CONVERTER FOLDER DATA it takes the paths of Keras originals by name from standard input, as JSON. It writes of each
`NAME.CONVERTER.onnx`, as the converter wrote it, and `NAME.CONVERTER.finished.onnx`; what it found is printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from fer_zoo.backend import select_backend
from fer_zoo.data import load_dataset
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import read_keras

from ... import export_module
from .converters import CONVERTERS

if TYPE_CHECKING:
    import keras

_IMAGES = 256


def main(name: str, folder: Path, data: Path | None, originals: dict[str, str]) -> dict[str, Any]:
    """Write the files of every model; returns fields of `ConverterRow` by model, or what failed as text."""
    (converter,) = (converter for converter in CONVERTERS if converter.name == name)
    select_backend(converter.backend)
    images = load_dataset(data).subset("public_test").images[:_IMAGES]
    found: dict[str, Any] = {}
    for model, path in originals.items():
        try:
            found[model] = _model(name, Path(path), folder / f"{model}.{name}.onnx", images)
        except Exception as error:  # Each converter has its own; the other models are measured all the same.
            found[model] = " ".join(str(error).split())[:200]
    return found


def _model(name: str, source: Path, path: Path, images: np.ndarray) -> dict[str, Any]:
    convert = export_module("convert")
    model = read_keras(source)
    folded = export_module("folding").fold(model)
    with convert.quiet():
        start = time.process_time()
        converted = _convert(convert, name, folded)
        seconds = time.process_time() - start
        onnx.save(converted, path)
        nodes = len(converted.graph.node)
        finished = converted if name == "tf2onnx" else convert.optimized(converted)
        convert.finish(finished)
    onnx.save(finished, path.with_suffix(".finished.onnx"))
    reference = model.predict(images[..., None].astype(np.float32), batch_size=64, verbose=0)
    candidate = load_classifier(path.with_suffix(".finished.onnx")).predict_proba(images)
    return {
        "opset": next(opset.version for opset in finished.opset_import if opset.domain in ("", "ai.onnx")),
        "nodes_converted": nodes,
        "nodes": len(finished.graph.node),
        "bytes": path.with_suffix(".finished.onnx").stat().st_size,
        "n": len(images),
        "agreement": float(np.mean(reference.argmax(1) == candidate.argmax(1))),
        "max_abs_diff": float(np.abs(reference - candidate).max()),
        "convert_cpu_seconds": seconds,
    }


def _convert(convert: Any, name: str, model: keras.Model) -> onnx.ModelProto:
    if name == "jax2onnx":
        return _from_jax(model)
    return (convert.from_tensorflow if name == "tf2onnx" else convert.from_torch)(model)


def _from_jax(model: keras.Model) -> onnx.ModelProto:
    import jax
    import jax2onnx

    image = jax.ShapeDtypeStruct(("batch", *model.input_shape[1:]), np.float32)
    return jax2onnx.to_onnx(
        lambda image: model(image, training=False),
        inputs=[image],
        input_names=["image"],
        output_names=["probabilities"],
    )


if __name__ == "__main__":
    name, folder, data = sys.argv[1:]
    print(json.dumps(main(name, Path(folder), Path(data) if data else None, json.load(sys.stdin))))
