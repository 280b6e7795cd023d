"""Files of the zoo changed for runtimes that take RGB images, as `python -m export NAME --target` does it."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.zoo import Artifact

from .. import export_module


def for_transformers(artifact: Artifact, path: Path, folder: Path) -> Path:
    """A folder in `folder` as transformers.js reads it, with the graph of an ONNX file: RGB in, logits out."""
    hub = folder / "hub"
    (hub / "onnx").mkdir(parents=True)
    export_module("rgb_planes").take_rgb_planes(path, hub / "onnx" / "model.onnx")
    export_module("hub").write_settings(artifact.output["labels"], hub)
    return hub


def for_mediapipe(artifact: Artifact, path: Path, folder: Path) -> Path:
    """A file in `folder` as MediaPipe takes it, with the graph of a TFLite file: one RGB image in, labels inside."""
    flatbuffer, task_metadata = export_module("flatbuffer"), export_module("task_metadata")
    model = flatbuffer.load(path)
    for tensor in model.subgraphs[0].tensors:
        tensor.shapeSignature = None  # The number of images is open otherwise.
    export_module("phone").take_rgb(model, integers=artifact.precision == "int8")
    target = folder / "phone.tflite"
    flatbuffer.save(model, target)
    metadata = task_metadata.TaskMetadata(
        name=artifact.name,
        description="A file of the zoo, changed for MediaPipe.",
        version="1",
        author="fer_zoo",
        license=artifact.license,
        image="A face that fills the picture, RGB, 0..255.",
        size=(IMAGE_SIZE, IMAGE_SIZE),
        probabilities="The probability of each expression.",
        labels={"en": artifact.output["labels"]},
    )
    task_metadata.write(target, metadata)
    return target
