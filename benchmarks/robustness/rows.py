"""The tables of robustness: corruptions, calibration, classes and confused pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..machine import Machine
from ..rows import ImageSet


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
    """With whom the majority of FER+'s raters agrees, in images: the label, the model's prediction, or neither."""

    label: int
    model: int
    neither: int


@dataclass(frozen=True)
class PairRow:
    """How often one expression is taken for another.

    Attributes:
        true: The label.
        predicted: What it is taken for.
        count: Images of `true` that are taken for it.
        support: Images of `true`.
        share: `count` over `support`; `None` where there is no image.
        interval: Its Wilson 95 % interval.
        raters: With whom FER+'s raters agree about these images; `None` without FER+.
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
    """Probabilities against the shares of FER+'s votes.

    Attributes:
        n: Images whose votes count.
        decided: Of these, images whose majority is clear.
        accuracy: Share of the decided images where the model's prediction is the majority's.
        nll: Mean cross-entropy in nats.
        entropy: Its least possible value, the votes' own entropy.
        kl: The difference of the two.
        ece: Calibration error with the share of voters who agree in the place of right or wrong.
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
        sha256: Of the file.
        seen: Of a peer, how far the test images took part in its training: `chosen` or `unknown`.
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
        subject: Which.
        evaluation: On all clean images.
        clean_accuracy: On the clean originals of the corrupted images.
        corrupted_accuracy: By corruption, for severity 1 to 5.
        mean_corruption_accuracy: Mean over corruptions and severities.
        pairs: The pairs that the original project asked about.
        ferplus: Agreement with FER+'s votes; `None` without FER+.
        mce: Mean over the corruptions of the error over that of the base (ImageNet-C); `None` without the base.
        relative_mce: The same for what corruptions add to the clean error; a ratio of sums, not a mean of ratios,
            since some corruptions add next to nothing to the base.
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
        n: Images whose votes count.
        decided: Of these, images whose majority is clear.
        accuracy: Share of the decided images where the majority is the label.
        recall: By expression.
        pairs: The same pairs as of the models.
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
        contempt: Images labelled contempt, which no model here can predict.
        left_out: Images with another class, by its name.
        unreadable: Images that could not be read.
        prior: The population that our models' predictions are adapted to (`fer_zoo.inference.prior`), as given on the
            command line; `None` for that of their training.
    """

    absent: tuple[str, ...] = ()
    contempt: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    prior: str | None = None


@dataclass(frozen=True)
class RobustnessReport:
    """One run.

    Attributes:
        finished: Date and time in UTC.
        machine: Where; accuracies do not depend on its speed or load.
        data: The images.
        corrupted_images: How many of them, evenly spread, were corrupted.
        corruptions: By name.
        rows: One for each file.
        base: Name of the row that `mce` refers to; `None` where it was not measured.
        left_out: A sentence for each file that was not measured.
        raters: FER+'s raters; `None` without FER+.
        contempt: What the faces labelled contempt are taken for, counts in the order of `EXPRESSIONS`, by file.
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


@dataclass(frozen=True)
class CorruptionLine:
    """A line of the CSV: accuracy of one file under one corruption, `clean` with severity 0."""

    name: str
    family: str
    precision: str
    corruption: str
    severity: int
    accuracy: float
