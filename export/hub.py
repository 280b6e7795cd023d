"""A folder as model hubs expect it: `python -m export NAME --target hub FOLDER`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from fer_zoo import __version__
from fer_zoo.console import HelpFormatter, out
from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.data.training_data import SPLIT_NAMES
from fer_zoo.errors import UsageError
from fer_zoo.files import temporary_folder, write_json, write_text
from fer_zoo.models import describe_model, list_models
from fer_zoo.zoo import (
    Artifact,
    artifact_path,
    artifacts_dir,
    fetch,
    has_original,
    load_manifest,
    local_path,
    trained_models,
    unknown_model,
    update_manifest,
)

from .card import care
from .rgb_planes import take_rgb_planes

# transformers.js loads a graph by this name; what is in the graph is this project's own network.
_MODEL_TYPE, _ARCHITECTURE = "resnet", "ResNetForImageClassification"
_ONNX_FILES = {"fp32": "onnx/model.onnx", "int8": "onnx/model_quantized.onnx"}
_DATA_SETS = {"FER2013": "FER2013", "FER+": "FER2013 with the majority labels of FER+"}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    folder = write_hub_folder(options.model, options.folder)
    out.print(
        f"{folder} is ready to be uploaded as a repository of a model hub",
        f"use it: fer-zoo predict PHOTO --model {folder}",
        sep="\n",
        markup=False,
    )
    return 0


def write_hub_folder(model: str, folder: Path) -> Path:
    """Write a model's files with a card and the configuration that hubs and transformers.js read.

    `onnx/` has graphs for transformers.js, which take `pixel_values`, RGB, NCHW; all other files are the zoo's own,
    listed by a manifest, so that `load_classifier(folder)` gives the same predictions.

    Args:
        model: The name of a model of the zoo, a folder that `python -m export` wrote, or the `.keras` file beside it.
        folder: Folder of the repository. Files of an earlier call are replaced, others stay.

    Returns:
        `folder`.

    Raises:
        UsageError: There is no such model, a file of it is not on this machine, or `folder` has a README or config
            that this function did not write.
        FerZooError: A file is damaged, or cannot be downloaded.
    """
    _refuse_replacing(folder)
    entries = _entries(model)
    originals = [entry for entry, _ in entries if entry.format == "keras"]
    if not originals or not any(entry.format == "onnx" for entry, _ in entries):
        raise UsageError(f"{model} has no exported ONNX file and Keras original; make them: python -m export {model}")
    with temporary_folder(folder.parent) as new:
        (new / "onnx").mkdir()
        for entry, path in entries:
            shutil.copyfile(path, new / path.name)
            if entry.format == "onnx":
                take_rgb_planes(path, new / _ONNX_FILES[entry.precision])
        update_manifest([replace(entry, path=path.name, shipped=True) for entry, path in entries], new)
        write_settings(originals[0].output["labels"], new)
        write_text(new / "README.md", _card(originals[0], [entry for entry, _ in entries]))
        for path in sorted(path for path in new.rglob("*") if path.is_file()):
            target = folder / path.relative_to(new)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    return folder


def _refuse_replacing(folder: Path) -> None:
    """Raises `UsageError` before files are replaced that `write_hub_folder` did not write."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose a folder")
    existing = [
        name for name in ("README.md", "config.json", "manifest.json", "model.keras") if (folder / name).exists()
    ]
    if not existing:
        return
    try:
        ours = "made_by" in json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise UsageError(
            f"{folder} holds {' and '.join(existing)} that this command did not write; choose another folder"
        )


def _entries(model: str) -> list[tuple[Artifact, Path]]:
    """A model's manifest entries and paths: Keras original, ONNX files, and the TFLite files that are local."""
    path = Path(model)
    if path.exists():
        root = path if path.is_dir() else path.parent / "export"
        manifest = load_manifest(root)
        if path.is_file() and not has_original(manifest, path):
            return []
        return [(entry, artifact_path(entry, root)) for entry in manifest]
    root, every = artifacts_dir(), load_manifest(absent=True)
    files = [entry for entry in every if entry.model == model]
    if not files:
        raise unknown_model(model, (entry.model for entry in every))
    available = [entry for entry in files if entry.format != "tflite" or local_path(entry, root).is_file()]
    return [(entry, fetch(entry, root)) for entry in available]


def write_settings(labels: Sequence[str], folder: Path) -> None:
    """Write what transformers.js reads beside the graphs in `folder/onnx`: labels, and how images are prepared."""
    write_json(folder / "config.json", _config(labels))
    write_json(folder / "preprocessor_config.json", _preprocessor())


def _config(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "architectures": [_ARCHITECTURE],
        "model_type": _MODEL_TYPE,
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
        "image_size": IMAGE_SIZE,
        "num_channels": 3,
        "made_by": f"fer_zoo {__version__}",
    }


def _preprocessor() -> dict[str, Any]:
    """The preprocessing of the graphs in `onnx/`, which turn RGB into gray and scale it themselves."""
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "resample": 2,
        "do_rescale": False,
        "do_normalize": False,
    }


def _card(original: Artifact, entries: list[Artifact]) -> str:
    """The README: the hub's front matter, then accuracy, files and usage."""
    facts = yaml.safe_dump(_front_matter(original), sort_keys=False, allow_unicode=True, width=100)
    labels = ", ".join(original.output["labels"])
    rows = "\n".join(
        f"| {SPLIT_NAMES.get(split, 'all test images')} | {measures['n']:,} | {measures['accuracy']:.2%} |"
        for split, measures in original.metrics.items()
    )
    files = "\n".join(f"| {Path(e.path).name} | {e.format} | {e.precision} | {e.bytes / 1000:,.0f} |" for e in entries)
    architecture = next(
        (model.architecture for model in trained_models() if model.name == original.model), original.model
    )
    about = (
        describe_model(architecture)
        if architecture in list_models()
        else f"A model of {len(original.output['labels'])} classes."
    )
    return f"""---
{facts}---

# {original.model}

{about} It names the facial expression of a face that fills the picture: {labels}.

- weights: {original.params:,}; multiply-accumulates an image: {original.macs / 1e6:.1f} million
- licence of the weights: {original.license}; the data that it was trained on has terms of its own

| images | number | accuracy |
| --- | ---: | ---: |
{rows}

## Files

| file | format | precision | kB |
| --- | --- | --- | ---: |
{files}

They take `image`, float32 `[n, {IMAGE_SIZE}, {IMAGE_SIZE}, 1]`, gray, 0..255, and give `probabilities`.

`onnx/` has the ONNX files again as transformers.js takes them: `pixel_values`, float32
`[n, 3, {IMAGE_SIZE}, {IMAGE_SIZE}]`, RGB, 0..255, to `logits`. `model_type` in `config.json` only tells that library
how to load them.

```python
from fer_zoo import load_classifier

classifier = load_classifier("FOLDER")  # of this repository's files
```

```javascript
import {{ pipeline }} from "@huggingface/transformers";

const classify = await pipeline("image-classification", "OWNER/NAME", {{ dtype: "q8" }}); // or fp32
await classify("face.png", {{ top_k: 3 }}); // a crop of one face
```

## What it can't tell

{care(original.task not in _DATA_SETS)}
"""


def _front_matter(original: Artifact) -> dict[str, Any]:
    data = _DATA_SETS.get(original.task)
    kind = "fer2013" if data else "imagefolder"
    results = [
        {
            "task": {"type": "image-classification", "name": "Facial expression recognition"},
            "dataset": {"type": kind, "name": data or original.task, "split": split},
            "metrics": [
                {"type": kind, "value": measures[name], "name": text}
                for kind, name, text in (("accuracy", "accuracy", "Accuracy"), ("f1", "macro_f1", "Macro-F1"))
                if name in measures
            ],
        }
        for split, measures in original.metrics.items()
    ]
    plain = original.license == "MIT"
    return {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "license": "mit" if plain else "other",
        **({} if plain else {"license_name": original.license}),
        "datasets": ["fer2013"],
        "metrics": ["accuracy", "f1"],
        "tags": ["facial-expression-recognition", "onnx", "tflite", "transformers.js"],
        "model-index": [{"name": original.model, "results": results}],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write a folder as model hubs expect it: card, configuration, Keras, TFLite and ONNX files.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="NAME of the zoo, or MODEL.keras that has been exported")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the repository; other files in it stay")
    parser.add_argument("--target", choices=("hub",), required=True, help="this one")
    return parser
