"""The page of the voice model, from its table alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from fer_zoo.contract import VOICE_EXPRESSIONS

from ..cells import number, percent
from ..table import Columns, markdown_table
from .rows import MODEL, PairRow, VoiceReport, VoiceRow

_SIMULATED = (
    "**The pairs of faces and voices on this page are simulated**: no set with both was at hand, so a face of FER2013 "
    "and a sentence of EmoDB with the same label were put together at random. Real faces and voices of one person at "
    "one moment agree less often, and err together more often."
)


def _name(row: VoiceRow) -> str:
    name = f"**{row.model}**" if row.model == MODEL else row.model
    return name if row.seed is None else f"{name}, seed {row.seed}"


def _interval(row: VoiceRow) -> str:
    low, high = row.recall_mean_interval
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def _recall(name: str) -> Callable[[VoiceRow | PairRow], str]:
    return lambda row: percent(row.recall.get(name), 1)


COLUMNS: Columns[VoiceRow] = [
    ("model", _name),
    ("average recall", lambda row: percent(row.recall_mean, 1)),
    ("95 % interval", _interval),
    ("accuracy", lambda row: percent(row.accuracy, 1)),
    ("NLL", lambda row: number(row.nll)),
    ("ECE", lambda row: percent(row.ece, 1)),
]
_BY_CLASS: Columns[VoiceRow] = [("model", _name), *((name, _recall(name)) for name in VOICE_EXPRESSIONS)]
_PAIRS: Columns[PairRow] = [
    ("pairs", lambda row: row.condition),
    ("answer of", lambda row: row.source),
    ("accuracy", lambda row: f"{percent(row.accuracy, 1)} ± {100 * row.accuracy_spread:.1f}"),
    ("NLL", lambda row: number(row.nll)),
    ("ECE", lambda row: percent(row.ece, 1)),
]
_PAIRS_BY_CLASS: Columns[PairRow] = [
    ("answer of", lambda row: row.source),
    *((name, _recall(name)) for name in VOICE_EXPRESSIONS),
]


def to_markdown(report: VoiceReport) -> str:
    """The page."""
    trained = [row for row in report.voices if row.seed is not None]
    sections = [_SIMULATED] if report.pairs else []
    sections += [
        "# Voices, and voices with faces",
        f"voice_nano ({report.params:,} weights) hears two seconds of log-mel spectrogram. "
        f"{report.sentences} sentences of EmoDB ({report.source}; Burkhardt et al., 2005), acted in German by ten "
        "speakers; boredom is left out. Five times two speakers, a man and a woman, are left out of the training and "
        "measured. The settings of the recipe (size and number of filters, parts of the spectrum, shrinkage) were "
        "chosen on these folds, too: about 11 feature sets in some 30 combinations were tried, and the best is shown, "
        "so that its figure is too good for speakers of whom nothing was known. Learning in noise costs some recall in "
        "quiet; how many noisy copies there are (of one, two, three or five to five quiet ones) was chosen here, too. "
        "Average recall is unweighted over the six expressions; its interval is a bootstrap over the ten speakers.",
        _about_recordings(report),
        "![Recall of the voice models, and accuracy on simulated pairs](voice.png)",
        markdown_table(COLUMNS, report.voices),
        "Probabilities are calibrated by a temperature that is fitted on the clean sentences of the other folds. The "
        "linear models get the same speech, their features standardized; the penalty is chosen on the training "
        "speakers. eGeMAPS are 88 functionals of openSMILE (eGeMAPSv02). "
        f"{_about_seeds(trained)}"
        f"The trainings of voice_nano took {report.training_cpu_seconds:.0f} seconds of processor time.",
        "Average recall in noise:",
        markdown_table(_by_noise(trained), trained),
        "Noise is pink; babble are six other sentences of the same two speakers at once. The voice is so many decibels "
        "louder, on average over the recording. The training has noise of any color between white and brown, but no "
        "babble.",
        "Recall by expression:",
        markdown_table(_BY_CLASS, report.voices),
        "Average recall by the speakers who were left out (of the expressions that they have):",
        markdown_table(_by_fold(report), report.voices),
    ]
    if report.pairs:
        sections += _about_pairs(report)
    return "\n\n".join(sections) + "\n"


def _about_recordings(report: VoiceReport) -> str:
    return (
        f"The median recording has {report.seconds:.2f} seconds here. The copy that was measured holds the first two "
        "seconds of each sentence, shorter ones filled up with silence, while the database's own recordings are whole: "
        "figures published for those cannot be compared with these."
        if report.seconds == 2
        else f"The median recording has {report.seconds:.2f} seconds."
    )


def _about_seeds(trained: Sequence[VoiceRow]) -> str:
    """The mean over the seeds of each way of training."""
    models = dict.fromkeys(row.model for row in trained)
    means = [fmean(row.recall_mean for row in trained if row.model == model) for model in models]
    texts = [f"{percent(mean, 1)} for {model}" for model, mean in zip(models, means, strict=True)]
    return f"**The mean over the seeds is {', and '.join(texts)}.** "


def _by_fold(report: VoiceReport) -> Columns[VoiceRow]:
    def cell(fold: str) -> Callable[[VoiceRow], str]:
        return lambda row: percent(row.folds[fold], 1)

    return [("model", _name), *((fold, cell(fold)) for fold in report.voices[0].folds)]


def _by_noise(trained: Sequence[VoiceRow]) -> Columns[VoiceRow]:
    def cell(name: str) -> Callable[[VoiceRow], str]:
        return lambda row: percent((row.noises or {}).get(name), 1)

    clean = ("clean", lambda row: percent(row.recall_mean, 1))
    noises = trained[0].noises or {}
    return [("model", _name), clean, *((name.removeprefix("voice in "), cell(name)) for name in noises)]


def _about_pairs(report: VoiceReport) -> list[str]:
    weights = ", ".join(f"{weight:.2f}" for weight in (report.weights or {}).values())
    clean = [row for row in report.pairs if row.condition == "clean"]
    best = max(clean, key=lambda row: row.accuracy)
    alone = {row.source: row.accuracy for row in clean}
    return [
        "## With faces (simulated pairs)",
        f"Faces: {report.faces:,} of FER2013's PrivateTest with one of the six expressions, by {report.face_model}. "
        "Voices: each sentence by the model that did not hear its speaker. "
        f"{clean[0].n} pairs, as many of each expression, are drawn with replacement, {report.drawings} times (± is "
        "the deviation between drawings, which share faces and sentences). Both sides are adapted to equally frequent "
        "expressions; surprise, which no sentence has, is excluded for both. `fuse` weighs the voice; its weight is "
        f"fitted on {report.fitting_faces:,} PublicTest faces and the sentences of the other folds ({weights}; on all "
        f"together {report.weight:.2f}, which the shipped model has).",
        f"On clean pairs the best is `{best.source}` with {percent(best.accuracy, 1)}; faces alone have "
        f"{percent(alone['face'], 1)}, voices alone {percent(alone['voice'], 1)}.",
        markdown_table(_PAIRS, report.pairs, left=("answer of",)),
        f"The weight stays the one for clean pairs throughout. {_losses(report)} Where one side shows another "
        "expression than the label, its own accuracy says how often it hits the label by mistake.",
        "Recall by expression, clean pairs:",
        markdown_table(_PAIRS_BY_CLASS, clean),
    ]


def _losses(report: VoiceReport) -> str:
    """Where the fusion is worse than the face alone."""
    accuracy = {(row.condition, row.source): row.accuracy for row in report.pairs}
    losses = {name: accuracy[name, "face"] - accuracy[name, "fused"] for name, source in accuracy if source == "face"}
    worse = [f"{100 * loss:.1f} points ({name})" for name, loss in losses.items() if loss > 0]
    return f"`fused` is worse than the face alone by {', '.join(worse) or 'nothing'}."
