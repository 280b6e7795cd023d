"""The tables of the voice model."""

from __future__ import annotations

from dataclasses import dataclass

# The model that ships, and what it is compared with.
MODEL, QUIET = "voice_nano", "voice_nano, trained in quiet alone"


@dataclass(frozen=True)
class VoiceRow:
    """One model of the voice, on sentences of speakers that it was not trained on.

    Attributes:
        model: What was measured.
        seed: Seed of the training; `None` where nothing is random.
        n: Number of sentences.
        recall_mean: Unweighted average recall: the mean over the expressions, 0 to 1.
        recall_mean_interval: 95 % interval by bootstrap over the speakers.
        accuracy: Share of right predictions, 0 to 1.
        nll: Mean negative log-likelihood of the label in nats, calibrated on the other folds; `None` for models that
            are not calibrated here.
        ece: Expected calibration error with 15 bins, 0 to 1; `None` in the same way.
        recall: Recall of each expression, 0 to 1.
        folds: Unweighted average recall of each pair of speakers, 0 to 1; expressions that they lack are left out.
        noises: Unweighted average recall in each condition of noise, 0 to 1; `None` for what is not measured in noise.
    """

    model: str
    n: int
    recall_mean: float
    recall_mean_interval: tuple[float, float]
    accuracy: float
    recall: dict[str, float]
    folds: dict[str, float]
    seed: int | None = None
    noises: dict[str, float] | None = None
    nll: float | None = None
    ece: float | None = None


@dataclass(frozen=True)
class PairRow:
    """Predictions for simulated pairs of a face and a sentence.

    Attributes:
        condition: What was done to one side; `clean` is nothing.
        source: `face`, `voice`, `fused` (the fitted weight) or `fused, weight 1`.
        n: Pairs in one drawing, as many of each expression.
        accuracy: Mean share of right predictions over the drawings, 0 to 1; with equally frequent expressions it is the
            unweighted average recall, too.
        accuracy_spread: Standard deviation over the drawings.
        nll: Mean negative log-likelihood of the label, in nats.
        ece: Expected calibration error with 15 bins, 0 to 1, of all drawings together.
        recall: Recall of each expression, 0 to 1.
    """

    condition: str
    source: str
    n: int
    accuracy: float
    accuracy_spread: float
    nll: float
    ece: float
    recall: dict[str, float]


@dataclass(frozen=True)
class VoiceReport:
    """The record of a run.

    Attributes:
        source: Name of the file of recordings.
        fingerprint: Hexadecimal key of all samples and labels.
        sentences: Number of recordings of the six expressions.
        seconds: Median length of a recording.
        params: Number of weights of voice_nano.
        config: Settings of the training.
        training_cpu_seconds: CPU time of the trainings of voice_nano, together.
        face_model: The face model of the pairs.
        faces: Number of PrivateTest faces that pairs are drawn from.
        fitting_faces: Number of PublicTest faces that the weight was fitted on.
        drawings: Number of drawings of pairs.
        weights: The fitted weight for each pair of held-out speakers.
        weight: The weight fitted on all speakers, which the shipped model has.
        temperature: The temperature fitted on all speakers, which the shipped model has.
        voices: One row for each model and seed.
        pairs: One row for each condition and source; empty without faces.
    """

    source: str
    fingerprint: str
    sentences: int
    seconds: float
    params: int
    config: dict[str, float]
    training_cpu_seconds: float
    temperature: float
    voices: tuple[VoiceRow, ...]
    face_model: str = ""
    faces: int = 0
    fitting_faces: int = 0
    drawings: int = 0
    weights: dict[str, float] | None = None
    weight: float = 1.0
    pairs: tuple[PairRow, ...] = ()
