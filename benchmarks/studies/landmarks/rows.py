"""The tables of the study: its runs, and what they mean for each variant."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunRow:
    """One training run; accuracies are shares of 1.

    Attributes:
        variant: Name of the variant.
        seed: Seed of initial weights, order and augmentation.
        best_epoch: The epoch of the model, chosen on PublicTest.
        public_test: Accuracy on PublicTest.
        private_test: Accuracy on PrivateTest.
        private_test_interval: Wilson 95 % interval of it.
        corrupted: Accuracy on changed PrivateTest images by corruption, mean over the severities.
        landmark_error: Mean distance to the detector's landmarks on PrivateTest, in pixels at 48x48; `None` for a model
            that finds none. The variant `gating` never saw where they are.
        corrupted_landmark_error: The same on changed images by corruption, against what the detector finds in these.
    """

    variant: str
    seed: int
    best_epoch: int
    public_test: float
    private_test: float
    private_test_interval: tuple[float, float]
    corrupted: dict[str, float]
    landmark_error: float | None = None
    corrupted_landmark_error: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """A difference from the variant `none`, as a share of 1.

    Attributes:
        mean: Mean over the seeds.
        interval: 95 % interval of it over the images drawn: paired, each image counts the mean over the seeds.
    """

    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class VariantRow:
    """The runs of one variant; accuracies are shares of 1, means over the seeds.

    Attributes:
        variant: Name of the variant.
        about: What it is, in markdown.
        weights: Number of weights of the published network.
        macs: Multiply-accumulates for one image.
        runs: Number of seeds.
        public_test: Accuracy on PublicTest.
        private_test: Accuracy on PrivateTest.
        corrupted: Accuracy by corruption, mean over the severities.
        private_test_deviation: Standard deviation over the seeds, with n - 1; `None` for one seed.
        difference: Accuracy on PrivateTest minus that of `none`; `None` for `none` itself.
        corrupted_difference: The same on changed images, by corruption.
        landmark_error: Error in pixels at 48x48, as in `RunRow`.
        corrupted_landmark_error: As in `RunRow`.
    """

    variant: str
    about: str
    weights: int
    macs: int
    runs: int
    public_test: float
    private_test: float
    corrupted: dict[str, float]
    private_test_deviation: float | None = None
    difference: Difference | None = None
    corrupted_difference: dict[str, Difference] = field(default_factory=dict)
    landmark_error: float | None = None
    corrupted_landmark_error: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LandmarkStudy:
    """One study.

    Attributes:
        source: Path of the data set.
        fingerprint: Hexadecimal key of its content.
        training_images: Number of training images.
        epochs: Passes over them, in every run.
        seeds: Seeds of the runs.
        backend: Keras backend that they were trained on.
        n: Number of PrivateTest images.
        severities: Severities of the corruptions.
        found: Share of the faces in which the detector finds landmarks: of `train`, of `private_test`, and of
            the latter by corruption.
        variants: One row for each variant.
        runs: One row for each run.
    """

    source: str
    fingerprint: str
    training_images: int
    epochs: int
    seeds: tuple[int, ...]
    backend: str
    n: int
    severities: tuple[int, ...]
    found: dict[str, float]
    variants: tuple[VariantRow, ...]
    runs: tuple[RunRow, ...]
