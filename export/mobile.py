"""TFLite files for phones: RGB in, labels inside, as MediaPipe Tasks and the TFLite Task Library take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from rich.progress import Progress

from fer_zoo import __version__, console
from fer_zoo.contract import IMAGE_SIZE, LABELS, LUMA, translated
from fer_zoo.data import Dataset
from fer_zoo.data.training_data import OWN
from fer_zoo.errors import UsageError
from fer_zoo.evaluation import evaluate_splits
from fer_zoo.evaluation.parity import compare
from fer_zoo.files import sha256, temporary_folder, write_json, write_text
from fer_zoo.zoo import with_portable_paths

from . import flatbuffer, metadata, task_metadata
from .destination import MOBILE, agreed, destination_of, move_files, sha_of_original
from .folding import fold, rebuild
from .gates import ParityCheck, check_gates
from .make import calibration_sample, dataset_for, facts_of, load_model
from .mobile_card import mobile_card
from .options import ExportOptions, Reporter
from .phone import take_rgb
from .quantization import Prepared, prepare, prepare_half
from .tflite import tflite_int8, to_tflite

_DESCRIPTION = (
    "Names the facial expression of one face that fills the picture, as {people} would. An "
    "expression is not an emotion: it does not tell what somebody feels. In the European Union the AI Act (Regulation "
    "2024/1689, Article 5) bans inferring emotions at work and in education."
)
_SEED = 2025


@dataclass(frozen=True)
class Phone:
    """One file for phones: the precision of its weights, which decides its gates, and the dtype of its input."""

    precision: str
    dtype: str

    def file(self, model: str) -> str:
        """The name of the file; it differs from those of the zoo's files, whose input is gray."""
        return f"{model}.tflite" if self.precision == "fp32" else f"{model}.{self.precision}.tflite"


PHONES = (Phone("fp32", "float32"), Phone("fp16", "float32"), Phone("int8", "uint8"))


def publish_mobile(source: Path, options: ExportOptions, output: Path | None = None, into_zoo: bool = False) -> Path:
    """Export a trained model for phones, beside its run or into the zoo, if every file passes its parity gates.

    The gates are checked on all test images twice: gray, and tinted at random, which fails where a file reads the
    colours in the wrong order. As in `publish`, a failure leaves the output as it was.

    Args:
        source: A `model.keras` with the zoo's input and output.
        options: The data and calibration; `formats`, `leave_out` and `also` are not used.
        output: The model's folder; the default is `export` beside `source`.
        into_zoo: Write to the model's folder in the artifacts folder, in place of `output`.

    Returns:
        The folder `mobile` in `output`: a TFLite file for each precision, its labels in each language, which are in
        the TFLite files too, and `mobile.json` and `README.md` with what was measured.

    Raises:
        UsageError: The folder has files of another model.
        FerZooError: The model does not fit the contract, or a gate is missed; nothing is written then.
    """
    model = load_model(source)
    output = destination_of(source, model.name, output, into_zoo).folder
    _refuse_replacing(output, source, options.force)
    dataset = dataset_for(model, source, options)
    facts = facts_of(model, source)
    del facts["input"]  # Each file has its own.
    with temporary_folder(output.parent) as folder, console.progress() as bar:
        _write_files(model, folder, calibration_sample(dataset, options.calibration_images)[0], facts, bar)
        entries = _measure(model, folder, dataset.subset("test"), bar, options.report)
        for name, content in task_metadata.label_files(_translations(facts["labels"])).values():
            write_text(folder / name, content)
        facts = {"schema": 1, **facts, "command": with_portable_paths(options.command), "files": entries}
        write_json(folder / "mobile.json", facts)
        write_text(folder / "README.md", mobile_card(facts))
        move_files(folder, output / MOBILE)
    options.report(f"{len(PHONES)} files for phones are in {output / MOBILE}")
    return output / MOBILE


def _refuse_replacing(output: Path, source: Path, force: bool) -> None:
    """Raises `UsageError` where files of another model are in the folder, unless `force` or the user agrees."""
    original, folder = output / "model.keras", output / MOBILE
    if original.exists() and sha256(original) != sha256(source):
        raise UsageError(f"{original} is another model than {source}; export that first, or pass another --output")
    if force or sha_of_original(folder) == sha256(source) or not folder.exists() or not any(folder.iterdir()):
        return
    if not agreed(f"{folder} holds files of another model. Replace them?"):
        raise UsageError(f"{folder} holds files of another model; choose another --output, or pass --force")


def tinted(images: np.ndarray) -> np.ndarray:
    """Gray images in light of random colours: uint8 `[n, 48, 48]` to uint8 `[n, 48, 48, 3]`."""
    light = np.random.default_rng(_SEED).uniform(0.6, 1, (len(images), 1, 1, 3))
    return np.round(images[..., None] * light).astype(np.uint8)


def luma(images: np.ndarray) -> np.ndarray:
    """RGB to gray by ITU-R BT.601, not rounded: uint8 `[n, 48, 48, 3]` to float32 `[n, 48, 48, 1]`."""
    return (images @ np.array(LUMA)[:, None]).astype(np.float32)


def predict_proba(path: Path, images: np.ndarray) -> np.ndarray:
    """Predictions of a file as a phone makes them: LiteRT, one image at a time, one thread.

    Args:
        path: The file.
        images: uint8 `[n, 48, 48, 3]`, RGB.

    Returns:
        float32 `[n, classes]`.
    """
    with console.native_messages_dropped():
        model = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN)
        model.allocate_tensors()
    (image,), (probabilities,) = model.get_input_details(), model.get_output_details()
    result = np.empty((len(images), probabilities["shape"][1]), np.float32)
    for row, rgb in zip(result, images, strict=True):
        model.set_tensor(image["index"], rgb[None].astype(image["dtype"]))
        model.invoke()
        row[:] = model.get_tensor(probabilities["index"])[0]
    return result


def _write_files(model: keras.Model, folder: Path, images: np.ndarray, facts: dict[str, Any], bar: Progress) -> None:
    folded = fold(model)
    for phone in bar.track(PHONES, description="writing"):
        path = folder / phone.file(model.name)
        if phone.precision == "int8":
            prepared = prepare(folded, images)
            tflite_int8(Prepared(_for_one_image(prepared.model), prepared.shared_scales), path, images)
        elif phone.precision == "fp16":
            to_tflite(_for_one_image(prepare_half(folded, images)), path, half=True)
        else:
            to_tflite(_for_one_image(folded), path)
        graph = flatbuffer.load(path)
        take_rgb(graph, integers=phone.dtype == "uint8")
        flatbuffer.save(graph, path)
        metadata.write(path, facts | {"format": "tflite", "precision": phone.precision, "input": _input(phone)})
        task_metadata.write(path, _task_metadata(model.name, facts, phone))


def _for_one_image(model: keras.Model) -> keras.Model:
    """The same layers on a batch of one, which is all that MediaPipe Tasks takes."""
    image = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="image")
    return rebuild(model, lambda operation, *args, **kwargs: operation(*args, **kwargs), image)


def _measure(model: keras.Model, folder: Path, test: Dataset, bar: Progress, report: Reporter) -> list[dict[str, Any]]:
    """Compare every file with the original and check its gates; returns the entries of `mobile.json`."""
    pictures = {"gray": np.repeat(test.images[..., None], 3, axis=3), "tinted": tinted(test.images)}
    references = {kind: model.predict(luma(rgb), batch_size=256, verbose=0) for kind, rgb in pictures.items()}
    entries, checks = [], []
    for phone in bar.track(PHONES, description="parity"):
        path = folder / phone.file(model.name)
        predictions = {kind: predict_proba(path, rgb) for kind, rgb in pictures.items()}
        parities = {
            kind: compare(references[kind], predictions[kind], test.labels, test.expressions) for kind in pictures
        }
        checks += [ParityCheck(path, phone.precision, parity, kind) for kind, parity in parities.items()]
        entries.append(
            {
                "file": path.name,
                "precision": phone.precision,
                "sha256": sha256(path),
                "bytes": path.stat().st_size,
                "input": _input(phone),
                "accuracy": {split: e.accuracy for split, e in evaluate_splits(test, predictions["gray"]).items()},
                "parity": {kind: parity.to_json() for kind, parity in parities.items()},
            }
        )
    check_gates(checks, report)
    return entries


def _input(phone: Phone) -> dict[str, Any]:
    return {
        "name": "image",
        "shape": [1, IMAGE_SIZE, IMAGE_SIZE, 3],
        "dtype": phone.dtype,
        "range": [0, 255],
        "layout": "NHWC",
        "color": "RGB",
    }


def _translations(labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The labels, and their words in the other languages that have words for all of them."""
    words = {language: translated(labels, language) for language in LABELS}
    return {
        language: translation
        for language, translation in words.items()
        if language == "en" or set(translation) <= set(LABELS[language])
    }


def _task_metadata(name: str, facts: dict[str, Any], phone: Phone) -> task_metadata.TaskMetadata:
    own = facts.get("training_data", "").startswith(OWN)
    people = "the people who labelled its images" if own else "people who labelled web photos"
    return task_metadata.TaskMetadata(
        name=f"{name} {phone.precision}",
        description=_DESCRIPTION.format(people=people),
        version=__version__,
        author="fer_zoo",
        license=facts["license"]
        if own
        else "MIT; FER2013 and any weights the model was fine-tuned from have terms of their own; see its card.",
        image="A face that fills the picture, RGB, 0..255; the model turns it gray and scales it itself.",
        size=(IMAGE_SIZE, IMAGE_SIZE),
        probabilities="The probability of each expression.",
        labels=_translations(facts["labels"]),
    )
