"""OpenVINO IR, by OpenVINO's own converter from ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .target import Predict, Source, Target


def write(source: Source, folder: Path) -> None:
    """Write `model.xml` and `model.bin`, with the labels where OpenVINO's Model API looks for them."""
    import openvino

    model = openvino.convert_model(source.onnx)
    model.set_rt_info("Classification", ["model_info", "model_type"])
    model.set_rt_info(" ".join(label.replace(" ", "_") for label in source.labels), ["model_info", "labels"])
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=source.precision == "fp16")


def load(folder: Path) -> Predict:
    """In float32 where the processor could also compute in less."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", settings)
    return lambda images: np.array(compiled([images])[0])


TARGET = Target(
    name="openvino",
    title="OpenVINO",
    packages=("openvino",),
    install="'fer-zoo[openvino]'",
    precisions=("fp32", "fp16", "int8"),
    converter=None,
    file="model.bin",
    input={"name": "image", "shape": [None, 48, 48, 1], "dtype": "float32", "range": [0, 255], "layout": "NHWC"},
    write=write,
    load=load,
)
