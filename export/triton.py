"""A model repository for NVIDIA Triton Inference Server: `python -m export NAME --target triton FOLDER`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

from fer_zoo.console import HelpFormatter, out
from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.errors import UsageError
from fer_zoo.files import temporary_folder
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.zoo import Reference

# https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
_CONFIG = """\
# {description}
name: {name}
backend: "onnxruntime"
default_model_filename: "model.onnx"
max_batch_size: {batch}
input [
  {{
    name: "image"  # Gray, 0..255; a face fills the picture.
    data_type: TYPE_FP32
    dims: [ {size}, {size}, 1 ]
  }}
]
output [
  {{
    name: "probabilities"
    data_type: TYPE_FP32
    dims: [ {classes} ]
    label_filename: "labels.txt"
  }}
]
dynamic_batching {{
  max_queue_delay_microseconds: {delay}
}}
instance_group [
  {{
    count: {instances}
    kind: KIND_CPU
  }}
]
parameters {{
  key: "intra_op_thread_count"
  value: {{ string_value: "1" }}
}}
"""


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    folder = write_repository(
        options.model, options.folder, options.instances, options.batch, options.delay, options.force
    )
    out.print(f"{folder}; start Triton: tritonserver --model-repository={options.folder}", markup=False)
    return 0


def write_repository(
    model: str, folder: Path, instances: int = 1, batch: int = 64, delay: int = 1000, force: bool = False
) -> Path:
    """Write `NAME/config.pbtxt`, `NAME/labels.txt` and `NAME/1/model.onnx`.

    Args:
        model: An ONNX file of the zoo (`NAME`, `NAME:onnx:int8`), or the path of one's own.
        folder: The model repository, which may hold other models.
        instances: Copies of the model that run at a time, with one thread each.
        batch: Faces in one call of the model.
        delay: Microseconds that a request waits for others at most.
        force: Replace a model of that name.

    Returns:
        The model's folder.

    Raises:
        UsageError: A number is below 1, there is no such model, it is no ONNX file, it takes one face at a time, or
            its folder is there already.
    """
    for name, value in {"--instances": instances, "--batch": batch, "--delay": delay}.items():
        if value < 1:
            raise UsageError(f"{name} is {value}; it must be at least 1")
    classifier = load_classifier(model)
    if classifier.path.suffix != ".onnx":
        raise UsageError(f"{model} is no ONNX file; make one: python -m export MODEL.keras --formats onnx")
    if classifier.input_shape[0] is not None:
        raise UsageError(f"{model} takes one face at a time; export it again, with any number of faces")
    target = folder / _name(model, classifier)
    if target.exists() and not force:
        raise UsageError(f"{target} exists; choose another folder, or pass --force to replace it")
    with temporary_folder(folder) as temporary:
        new = temporary / target.name
        (new / "1").mkdir(parents=True)
        shutil.copyfile(classifier.path, new / "1" / "model.onnx")
        (new / "labels.txt").write_text("\n".join(classifier.labels) + "\n", encoding="utf-8")
        config = _CONFIG.format(
            description=f"{target.name} of fer_zoo: the facial expression of a face; an expression is not an emotion.",
            name=json.dumps(target.name),
            batch=batch,
            size=IMAGE_SIZE,
            classes=len(classifier.labels),
            delay=delay,
            instances=instances,
        )
        (new / "config.pbtxt").write_text(config, encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        os.replace(new, target)
    return target


def _name(model: str, classifier: Classifier) -> str:
    """The name of a model: in the zoo, else of the run that it was exported from, else of its folder."""
    if not Path(model).exists():
        return Reference.parse(model).model
    folder = classifier.path.absolute().parent
    return folder.parent.name if folder.name == "export" else folder.name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write a model into a model repository of NVIDIA Triton Inference Server.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="NAME or NAME:onnx:int8 of the zoo, or a .onnx file")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the model repository")
    parser.add_argument("--target", choices=("triton",), required=True, help="this one")
    parser.add_argument("--instances", type=int, default=1, help="copies of the model, one thread each")
    parser.add_argument("--batch", type=int, default=64, help="faces in one call of the model")
    parser.add_argument("--delay", type=int, default=1000, help="microseconds that a request waits for others at most")
    parser.add_argument("--force", action="store_true", help="replace a model of that name")
    return parser
