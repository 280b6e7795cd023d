"""Rows of the robustness tables: corruptions, calibration, classes and confused pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..machine import Machine
from ..rows import ImageSet
from ..studies.populations.rows import PopulationRow


@dataclass(frozen=True)
class ClassAccuracy:
    """Accuracy on the clean images, class by class; shares are in 0..1.

    Attributes:
        n: Number of images.
        accuracy: Share of images with the right prediction.
        accuracy_interval: Wilson 95 % interval.
        macro_f1: Mean F1 of the classes.
        ece: Expected calibration error.
        nll: Mean negative log-likelihood of the label, in nats.
        per_class: `precision`, `recall`, `f1` and `support` (number of images) by expression.
        confusion: Counts; rows are labels, columns predictions, in the order of `EXPRESSIONS`.
    """

    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    ece: float
    nll: float
    per_class: dict[str, dict[str, float]]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Sides:
    """Numbers of images on which the majority of FER+'s raters agrees with the label, the prediction, or neither."""

    label: int
    model: int
    neither: int


@dataclass(frozen=True)
class PairRow:
    """How often one expression is classified as another.

    Attributes:
        true: The label.
        predicted: The predicted expression.
        count: Number of images of `true` that are classified as `predicted`.
        support: Number of images of `true`.
        share: `count` over `support`; `None` if there is no image.
        interval: Wilson 95 % interval of the share.
        raters: The votes of FER+'s raters on these images; `None` without FER+.
    """

    true: str
    predicted: str
    count: int
    support: int
    share: float | None = None
    interval: tuple[float, float] | None = None
    raters: Sides | None = None


@dataclass(frozen=True)
class VoteAgreement:
    """Agreement of probabilities with the shares of FER+'s votes.

    Attributes:
        n: Number of images whose votes count.
        decided: Number of these images that have a clear majority.
        accuracy: Share of the decided images on which the model predicts the majority's class.
        nll: Mean cross-entropy in nats.
        entropy: The entropy of the votes, which is the lowest possible cross-entropy.
        kl: `nll` minus `entropy`.
        ece: Calibration error, computed with the share of voters who agree instead of right or wrong.
    """

    n: int
    decided: int
    accuracy: float
    nll: float
    entropy: float
    kl: float
    ece: float


@dataclass(frozen=True)
class Subject:
    """A file that is measured.

    Attributes:
        name: Unique in the report.
        family: `ours` or `peer`.
        model: Name of the model.
        precision: `fp32` or `int8`.
        format: `onnx` or `tflite`.
        sha256: SHA-256 of the file.
        seen: For a peer: whether the test images took part in its training, `chosen` or `unknown`.
    """

    name: str
    family: str
    model: str
    precision: str
    format: str
    sha256: str
    seen: str | None = None


@dataclass(frozen=True)
class RobustnessRow:
    """All that was measured of one file.

    Attributes:
        subject: The file.
        evaluation: Accuracy on all clean images.
        clean_accuracy: Accuracy on the clean originals of the corrupted images.
        corrupted_accuracy: Accuracy by corruption, for severity 1 to 5.
        mean_corruption_accuracy: Mean over corruptions and severities.
        pairs: The pairs that the original project asked about.
        ferplus: Agreement with FER+'s votes; `None` without FER+.
        mce: Mean corruption error of ImageNet-C: the mean over the corruptions of the error divided by the base's;
            `None` without the base.
        relative_mce: Relative mCE: the error that corruptions add to the clean error, divided by the base's; a ratio of
            sums, not a mean of ratios, since some corruptions add almost nothing to the base's error.
    """

    subject: Subject
    evaluation: ClassAccuracy
    clean_accuracy: float
    corrupted_accuracy: dict[str, tuple[float, ...]]
    mean_corruption_accuracy: float
    pairs: tuple[PairRow, ...]
    ferplus: VoteAgreement | None = None
    mce: float | None = None
    relative_mce: float | None = None

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def is_ours(self) -> bool:
        return self.subject.family == "ours"


@dataclass(frozen=True)
class RaterPair:
    """The share of the images labelled `true` whose raters' majority is `predicted`."""

    true: str
    predicted: str
    share: float


@dataclass(frozen=True)
class Raters:
    """FER+'s raters as if their majority were a classifier of FER2013's labels.

    Attributes:
        n: Number of images whose votes count.
        decided: Number of these images that have a clear majority.
        accuracy: Share of the decided images on which the majority is the label.
        recall: Recall of each expression.
        pairs: The same pairs of expressions as for the models.
        ferplus: SHA-256 of the file of votes.
    """

    n: int
    decided: int
    accuracy: float
    recall: dict[str, float]
    pairs: tuple[RaterPair, ...]
    ferplus: str | None = None


@dataclass(frozen=True)
class Corruption:
    """The strength at each severity, and its unit."""

    strengths: tuple[float, ...]
    unit: str


@dataclass(frozen=True)
class FaceSet(ImageSet):
    """The images, of FER2013 or another data set.

    Attributes:
        absent: Expressions that no image has.
        contempt: Number of images labelled contempt, which no model here can predict.
        left_out: Number of images of each other class or part, by its name.
        unreadable: Number of images that could not be read or had no face.
        notes: A sentence for each kind of files that were left out, and about the faces that were cut out.
        prior: How often each class occurs in the population that predictions of our models are adapted to
            (`fer_zoo.inference.prior`), as on the command line; `None`: as in training.
    """

    absent: tuple[str, ...] = ()
    contempt: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    notes: tuple[str, ...] = ()
    prior: str | None = None


@dataclass(frozen=True)
class Transfer:
    """Models and peers on another data set.

    Attributes:
        rows: One for each file and prior, the most accurate file first; `model` is the name of the file. Files whose
            training prior is not known, such as peers, have none but `training`.
        runner_up: Name of the most accurate file of another model than the first; `None` where there is no other model.
        p: McNemar's exact test of the two, two-sided.
    """

    rows: tuple[PopulationRow, ...]
    runner_up: str | None = None
    p: float | None = None


@dataclass(frozen=True)
class RobustnessReport:
    """One run.

    Attributes:
        finished: Date and time in UTC.
        machine: Machine that it ran on; accuracies do not depend on its speed or load.
        data: The images.
        corrupted_images: Number of images that were corrupted, evenly spread over all.
        corruptions: The corruptions by name.
        rows: One for each file.
        base: Name of the row that `mce` refers to; `None` if it was not measured.
        left_out: A sentence for each file that was not measured.
        raters: FER+'s raters; `None` without FER+.
        contempt: Predictions for the faces labelled contempt by file: counts in the order of `EXPRESSIONS`.
        transfer: The comparison on another data set; `None` on FER2013, and with a prior that was given.
    """

    finished: str
    machine: Machine
    data: FaceSet
    corrupted_images: int
    corruptions: dict[str, Corruption]
    rows: tuple[RobustnessRow, ...]
    base: str | None = None
    left_out: tuple[str, ...] = ()
    raters: Raters | None = None
    contempt: dict[str, tuple[int, ...]] | None = None
    transfer: Transfer | None = None


@dataclass(frozen=True)
class CorruptionLine:
    """A line of the CSV: accuracy of one file under one corruption, `clean` with severity 0."""

    name: str
    family: str
    precision: str
    corruption: str
    severity: int
    accuracy: float
