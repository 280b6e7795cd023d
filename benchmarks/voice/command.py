"""`python -m benchmarks voice`: the voice model on speakers that it has not heard, and its fusion with faces."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.backend import select_backend
from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.files import atomic_path, write_json
from fer_zoo.packages import require
from fer_zoo.tables import print_table

from .. import BENCHMARK
from ..arguments import add_depth, add_output, command_parser, output_folder
from ..outputs import write_outputs
from ..table import terminal_table, write_csv
from .rows import VoiceReport

if TYPE_CHECKING:
    from fer_zoo.voice.emodb import Sentence
    from fer_zoo.voice.train import VoiceConfig

_FACES = "fernet_base:onnx:int8"


def main(arguments: list[str]) -> int:
    """Train, measure, and write `voice.json`, `.csv`, `voice_pairs.csv`, `.md` and `.png`."""
    parser = command_parser("voice", "Train the voice model without each pair of speakers, and measure it on these.")
    parser.add_argument("--voices", type=Path, required=True, metavar="ZIP", help="EmoDB's recordings, zip or folder")
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV, for pairs; else no pairs")
    parser.add_argument("--model", default=_FACES, help="face model of the pairs (default: %(default)s)")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="of the trainings; else 0, 1 and 2")
    parser.add_argument("--opensmile", type=Path, metavar="PYTHON", help="Python with opensmile, for eGeMAPS")
    parser.add_argument(
        "--train", type=Path, metavar="FOLDER", help="train on all speakers, too: a model for `python -m export` there"
    )
    add_output(parser)
    add_depth(parser, "one seed", "ten seeds")
    options = parser.parse_args(arguments)
    require("av", "scipy", "sklearn", "matplotlib", *(("keras",) if options.train else ()))
    if not options.voices.exists():
        raise UsageError(f"there is no {options.voices}; it is EmoDB's recordings, as a zip or a folder")
    from fer_zoo.data import load_dataset
    from fer_zoo.inference import load_classifier
    from fer_zoo.voice.emodb import read_emodb
    from fer_zoo.voice.train import VoiceConfig

    from .measure import measure
    from .page import COLUMNS, to_markdown
    from .plot import plot_voice

    seeds = options.seeds or list(range(1 if options.quick else 10 if options.full else 3))
    sentences = read_emodb(options.voices)
    report = measure(
        sentences,
        options.voices.name,
        VoiceConfig(),
        seeds,
        options.opensmile,
        load_dataset(options.data) if options.data else None,
        load_classifier(options.model) if options.data else None,
    )
    folder, figure = output_folder(options), plot_voice(report)
    write_csv(folder / "voice_pairs.csv", report.pairs)
    page = write_outputs(folder, "voice", to_markdown(report), figure, report, report.voices)
    print_table(terminal_table(COLUMNS, report.voices))
    out.print(f"report: {page}", markup=False)
    if options.train:
        _train(sentences, VoiceConfig(seed=seeds[0]), report, options.train, arguments)
        out.print(f"model: {options.train / 'model.keras'}", markup=False)
    return 0


def _train(
    sentences: Sequence[Sentence], config: VoiceConfig, report: VoiceReport, folder: Path, arguments: list[str]
) -> None:
    """Train on all speakers, calibrate as the cross-validation says, and write `model.keras` and `voice.json`."""
    select_backend(None)
    from fer_zoo.contract import VOICE_EXPRESSIONS
    from fer_zoo.models.macs import count_macs
    from fer_zoo.voice.model import voice_nano
    from fer_zoo.voice.train import calibrated, fit_voice
    from fer_zoo.zoo.keras_file import save_keras

    model = voice_nano(weights=calibrated(fit_voice(sentences, config), report.temperature))
    with atomic_path(folder / "model.keras") as temporary:
        save_keras(model, temporary, VOICE_EXPRESSIONS)
    row = report.voices[0]
    facts = {
        "model": model.name,
        "labels": list(VOICE_EXPRESSIONS),
        "input": {"name": "log_mel", "shape": [None, *model.input_shape[1:]], "dtype": "float32", "range": [0, 1]},
        "params": model.count_params(),
        "macs": count_macs(model),
        "data": "Berlin Database of Emotional Speech (Burkhardt et al., 2005), without boredom",
        "license": "MIT; trained on recordings that are available for research",
        "config": asdict(config),
        "temperature": report.temperature,
        "weight": round(report.weight, 2),
        "measured": {
            "n": row.n,
            "seconds": report.seconds,
            "recall_mean": row.recall_mean,
            "recall_mean_interval": list(row.recall_mean_interval),
            "recall": row.recall,
            "recall_mean_of_seeds": {str(r.seed): r.recall_mean for r in report.voices if r.model == row.model},
            "recall_mean_in_noise": row.noises,
        },
        "source": f"{BENCHMARK} voice {shlex.join(map(_without_folder, arguments))}",
    }
    write_json(folder / "voice.json", facts)


def _without_folder(argument: str) -> str:
    """An argument as it is on any machine: of a path, the name alone."""
    return Path(argument).name if Path(argument).is_absolute() else argument
