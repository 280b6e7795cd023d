"""The voice model's files: `python -m export RUN --target voice FOLDER`, of a run of `python -m benchmarks voice`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo import __version__
from fer_zoo.backend import select_backend
from fer_zoo.console import HelpFormatter, out
from fer_zoo.errors import UsageError
from fer_zoo.files import sha256, temporary_folder, write_json, write_text

if TYPE_CHECKING:
    from fer_zoo.voice.emodb import Sentence

ORIGINAL = "model.keras"


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    packages = ("tensorflow", "tf2onnx", "onnx", "ai_edge_litert", "av")
    if missing := [package for package in packages if importlib.util.find_spec(package) is None]:
        raise UsageError(f"export needs {', '.join(missing)}; run `pip install 'fer-zoo[export,video]'`")
    if not (given.run / ORIGINAL).is_file():
        raise UsageError(f"{given.run / ORIGINAL} does not exist; `python -m benchmarks voice --train FOLDER` makes it")
    select_backend("tensorflow")
    from fer_zoo.voice.emodb import read_emodb

    facts = export_voice(given.run, given.folder, read_emodb(given.data))
    for name, file in facts["files"].items():
        parity = file.get("parity")
        text = (
            f", same class {parity['argmax_agreement']:.1%}, largest |Δp| {parity['max_abs_diff']:.1e}"
            if parity
            else ""
        )
        out.print(f"{given.folder / name}: {file['bytes'] / 1e3:.0f} kB{text}", markup=False)
    return 0


def export_voice(run: Path, folder: Path, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Write ONNX and TFLite files of a trained voice model, each compared with the original.

    There are none of less precision: with six thousand weights nothing is gained by it.

    Args:
        run: Folder with `model.keras` and `voice.json`, as `python -m benchmarks voice --train` writes it.
        folder: Gets the original, the files, `voice.json` and the card `README.md`.
        sentences: EmoDB's, to compare the files on.

    Returns:
        What `voice.json` has.

    Raises:
        FerZooError: A file misses the gate of its precision; nothing is written then.
    """
    from fer_zoo.evaluation.parity import compare
    from fer_zoo.inference.predictor import Predictor
    from fer_zoo.voice import VoiceClassifier
    from fer_zoo.voice.speech import inputs_of
    from fer_zoo.zoo import read_keras

    from . import metadata
    from .convert import to_onnx
    from .destination import move_files
    from .gates import ParityCheck, check_gates
    from .options import silent
    from .tflite import to_tflite

    facts: dict[str, Any] = json.loads((run / "voice.json").read_text("utf-8"))
    model = read_keras(run / ORIGINAL)
    labels = tuple(facts["labels"])
    inputs = np.concatenate([inputs_of(sentence.samples)[:1] for sentence in sentences])
    truth = np.array([sentence.label for sentence in sentences])
    expected = Predictor(model)(inputs)
    writers: dict[str, tuple[str, Callable[[Path], None]]] = {
        "model.onnx": ("fp32", lambda path: to_onnx(model, path)),
        "model.tflite": ("fp32", lambda path: to_tflite(model, path)),
    }
    embedded = {
        "model": "voice_nano",
        "labels": list(labels),
        "prior": [1] * len(labels),
        "input": facts["input"],
        "output": {"name": "probabilities"},
        "sha256_of_keras_original": sha256(run / ORIGINAL),
        "training_data": facts["data"],
        "license": facts["license"],
        "made_by": f"fer_zoo {__version__}",
    }
    with temporary_folder(folder.absolute().parent) as new:
        shutil.copyfile(run / ORIGINAL, new / ORIGINAL)
        files: dict[str, Any] = {ORIGINAL: _file(new / ORIGINAL)}
        checks: list[ParityCheck] = []
        for name, (precision, write) in writers.items():
            write(new / name)
            metadata.write(new / name, embedded)
            parity = compare(expected, VoiceClassifier(new / name).predict_proba(inputs), truth, labels)
            checks.append(ParityCheck(new / name, precision, parity))
            files[name] = _file(new / name) | {"precision": precision, "parity": parity.to_json()}
        check_gates(checks, silent)
        facts["files"] = files
        write_json(new / "voice.json", facts)
        write_text(new / "README.md", card(facts))
        move_files(new, folder)
    return facts


def card(facts: dict[str, Any]) -> str:
    """The model card, made of `voice.json` alone."""
    measured, rows = facts["measured"], []
    for name, file in facts["files"].items():
        parity = file.get("parity")
        cells = (f"{parity['argmax_agreement']:.1%}", f"{parity['max_abs_diff']:.1e}") if parity else ("-", "-")
        rows.append(f"| {name} | {file['bytes'] / 1e3:,.0f} kB | {cells[0]} | {cells[1]} |")
    recall = ", ".join(f"{name} {value:.0%}" for name, value in measured["recall"].items())
    low, high = measured["recall_mean_interval"]
    seeds = list(measured["recall_mean_of_seeds"].values())
    each = ", ".join(f"{value:.1%}" for value in seeds)
    noises = ", ".join(f"{value:.1%} ({name})" for name, value in measured["recall_mean_in_noise"].items())
    seconds = "the first two seconds each" if measured["seconds"] == 2 else f"{measured['seconds']:.1f} seconds each"
    return f"""# voice_nano

The expression of a voice ({", ".join(facts["labels"])}) from two seconds of log-mel spectrogram;
{facts["params"]:,} weights.
What a voice expresses is not what somebody feels.

Trained on acted German sentences: {facts["data"]}, of which the copy at hand had {seconds}.
The speakers are ten actors, in a studio; expect less of other
languages, of spontaneous speech, of children, of old people, and of noise. The recordings are freely available from
their makers at TU Berlin for research; cite them. **No recording is shipped here.** Licence of the weights:
{facts["license"]}.

> F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: A Database of German Emotional Speech. Interspeech
> 2005, pp. 1517-1520.

## Measured

Unweighted average recall {sum(seeds) / len(seeds):.1%} (mean of the seeds: {each}; of the first,
95 % interval over speakers {low:.1%} to {high:.1%}) on {measured["n"]} sentences of speakers that the model had not
heard: five times two speakers were left out. The shipped weights are trained on all ten speakers with the same
settings, so that nobody is left to test them on; this figure is of the recipe. By expression: {recall}.

In noise, recall of the first seed is {noises}.
[The report](../reports/voice.md) has baselines and the fusion with faces, in noise, too.

Probabilities are calibrated on the held-out sentences (temperature {facts["temperature"]:.2f}) and are for equally
frequent expressions.

## Files

| file | size | same class as the original | largest difference of a probability |
| --- | ---: | ---: | ---: |
{chr(10).join(rows)}

Compared on the {measured["n"]} sentences. Input `log_mel`, float32 `[batch, 128, 64, 1]` in 0..1, as
`fer_zoo.voice.log_mel` makes it (its module says how); output `probabilities`, float32
`[batch, {len(facts["labels"])}]`.

## Use

```python
from fer_zoo import load_voice
from fer_zoo.voice import read_audio

track = load_voice().follow(read_audio("clip.mp4"))
print(track.labels, track.at(1.0))
```

Made by `{facts["source"]}`.
"""


def _file(path: Path) -> dict[str, Any]:
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write ONNX and TFLite files of the voice model.", formatter_class=HelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="FOLDER of `python -m benchmarks voice --train FOLDER`")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    parser.add_argument("--target", choices=("voice",), default="voice", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, required=True, metavar="ZIP", help="EmoDB, to compare the files on")
    return parser
