"""What a model is taught: labels, votes, teachers, and which images are left out; recipes as a user names them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fer_zoo.training.targets
from fer_zoo.data import Dataset, load_dataset
from fer_zoo.data.augment import Augmentation
from fer_zoo.data.batches import augmented_views, one_hot
from fer_zoo.data.ferplus import BUNDLED_VOTES, FERPLUS_CLASSES, FERPLUS_COLUMNS, join_ferplus
from fer_zoo.errors import UsageError
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.training import TrainingConfig
from fer_zoo.training.recipes import RECIPES, find_recipe
from fer_zoo.training.reporter import Advance, Reporter
from fer_zoo.training.splits import cleaned
from fer_zoo.training.targets import distilled, fit_exponents, predict_from_votes, product_of_experts, soft_labels


@pytest.fixture(scope="module")
def training() -> Dataset:
    return load_dataset().subset("train").take(slice(0, 60))


@pytest.fixture
def ferplus(training: Dataset, tmp_path: Path) -> Path:
    """Votes: six for fear and four for sadness everywhere, but the first image is no face and the second is missing."""
    lines = [",".join(["image", *FERPLUS_CLASSES])]
    for index, name in enumerate(training.names.tolist()):
        votes = dict.fromkeys(FERPLUS_CLASSES, 0) | ({"NF": 10} if index == 0 else {"fear": 6, "sadness": 4})
        if index != 1:
            lines.append(",".join([Path(name).name, *map(str, votes.values())]))
    path = tmp_path / "ferplus.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_votes_are_mixed_in_by_their_share(training: Dataset, ferplus: Path) -> None:
    targets = soft_labels(training, TrainingConfig(ferplus=str(ferplus), vote_weight=0.5))
    labels = one_hot(training.labels)
    votes = np.array([0, 0, 0.6, 0, 0, 0.4, 0], np.float32)
    np.testing.assert_allclose(targets[2:], 0.5 * labels[2:] + 0.5 * votes, atol=1e-6)
    np.testing.assert_array_equal(targets[:2], labels[:2])
    assert targets.dtype == np.float32


def test_non_faces_and_copies_of_test_images_are_left_out(training: Dataset, ferplus: Path) -> None:
    copies = training.take(np.array([5, 7]))
    kept = cleaned(training, copies, str(ferplus))
    expected = [name for index, name in enumerate(training.names.tolist()) if index not in (0, 5, 7)]
    assert set(kept.names.tolist()) <= set(expected)
    assert len(kept) >= len(expected) - 3, "only exact copies of those go too"


class Steps(Reporter):
    """Counts the steps of the last progress bar."""

    @contextmanager
    def progress(self, description: str, total: int, done: int = 0) -> Iterator[Advance]:
        self.total, self.done = total, done

        def advance(description: str) -> None:
            self.done += 1

        yield advance


def test_teachers_answer_for_each_view_and_its_mirror_image(training: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig(
        augmentation=Augmentation(),
        augmented_views=2,
        teachers=("baseline_cnn",),
        distillation_weight=0.25,
        distillation_temperature=2.0,
    )
    labels = one_hot(training.labels)
    views = augmented_views(training.images, config.augmentation, 2, seed=3)
    monkeypatch.setattr(fer_zoo.training.targets, "_CHUNK", 16)
    steps = Steps()
    targets = distilled(labels, views, config, training, training, steps)
    assert (steps.total, steps.done) == (8, 8)
    assert targets.shape == (2, 60, 7)
    np.testing.assert_allclose(targets.sum(-1), 1, atol=1e-5)
    teacher = load_classifier("baseline_cnn")
    images = np.asarray(training.images)
    mean = (teacher.predict_proba(images) + teacher.predict_proba(images[:, :, ::-1])) / 2
    flat = np.sqrt(mean) / np.sqrt(mean).sum(1, keepdims=True)
    np.testing.assert_allclose(targets[0], 0.75 * labels + 0.25 * flat, atol=1e-4)
    assert np.abs(targets[0] - targets[1]).max() > 0.01

    def refuse(*_: object) -> None:
        raise AssertionError("the next student asks the cache")

    monkeypatch.setattr(Classifier, "predict_proba", refuse)
    np.testing.assert_array_equal(distilled(labels, views, config, training, training, steps), targets)
    assert (steps.total, steps.done) == (8, 8)


def test_votes_teach_what_they_say_about_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset()
    training, selection = dataset.subset("train"), dataset.subset("public_test").take(slice(0, 500))
    predicted, of_selection = predict_from_votes(str(BUNDLED_VOTES), training, selection)
    np.testing.assert_allclose(predicted.sum(1), 1)
    votes, _ = join_ferplus(selection, BUNDLED_VOTES)
    majority = votes[:, FERPLUS_COLUMNS].argmax(1)
    right = (of_selection.argmax(1) == selection.labels).mean()
    assert right > (majority == selection.labels).mean(), "FER2013 calls many images sad that voters call neutral"

    monkeypatch.setattr(fer_zoo.training.targets, "_CHUNK", len(training))

    def answer(_: Classifier, images: np.ndarray, tta: str | None = None) -> np.ndarray:
        assert tta == "mirror"
        known = one_hot(training.labels if len(images) == len(training) else selection.labels)
        return 0.8 * np.roll(known, 1, axis=0) + 0.2 / 7

    monkeypatch.setattr(Classifier, "predict_proba", answer)
    monkeypatch.setattr("fer_zoo.training.targets.cache_dir", lambda: Path("/dev/null/nowhere"))
    config = TrainingConfig(
        teachers=("baseline_cnn",), distillation_weight=1.0, ferplus=str(BUNDLED_VOTES), votes_as_teacher=True
    )
    targets = distilled(one_hot(training.labels), [training.images], config, training, selection)
    assert targets.shape == (1, len(training), 7)
    loss = [-np.log(answers[np.arange(len(training)), training.labels]).mean() for answers in (predicted, targets[0])]
    assert loss[1] < loss[0] + 0.02, "a teacher that is never right has an exponent of 0"


def test_votes_do_not_teach_what_they_decided() -> None:
    options = {"teachers": ("a.onnx",), "distillation_weight": 1.0, "ferplus": "votes.csv", "votes_as_teacher": True}
    with pytest.raises(UsageError, match="leave --votes-as-teacher out"):
        TrainingConfig(**options, ferplus_labels=True)


def test_teachers_predict_on_all_cores(training: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def load(teacher: str, **options: int) -> Classifier:
        threads.append(options["threads"])
        return load_classifier(teacher)

    monkeypatch.setattr(fer_zoo.training.targets, "load_classifier", load)
    monkeypatch.setattr(fer_zoo.training.targets, "cores", lambda: 5)
    config = TrainingConfig(teachers=("baseline_cnn",), distillation_weight=0.5)
    few = training.take(slice(0, 4))
    distilled(one_hot(few.labels), [few.images], config, few, few)
    assert threads == [5]


def test_a_teacher_has_the_classes_of_the_data(training: Dataset) -> None:
    config = TrainingConfig(teachers=("fernet_nano:onnx:int8",), distillation_weight=1.0)
    own = replace(training, expressions=("smile", "no smile"))
    with pytest.raises(UsageError, match="not smile, no smile; teachers must have those of the data"):
        distilled(one_hot(training.labels), [training.images], config, own, own)


def test_the_product_of_two_experts_fits_better_than_either() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 2000)
    experts = []
    for strength in (1.0, 2.0):
        logits = strength * one_hot(labels) + random.normal(0, 1, (2000, 7)) * np.sqrt(strength)
        experts.append(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    exponents = fit_exponents(tuple(experts), labels)
    np.testing.assert_allclose(exponents, 1, atol=0.1)
    joint = product_of_experts(tuple(experts), exponents)
    right = [(answer.argmax(1) == labels).mean() for answer in (*experts, joint)]
    assert right[2] > max(right[:2]) + 0.02


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vote_weight": 0.5}, "--ferplus"),
        ({"votes_as_teacher": True}, "--ferplus"),
        ({"votes_as_teacher": True, "ferplus": "votes.csv"}, "--teachers"),
        ({"include_no_majority": True, "ferplus": "votes.csv"}, "--ferplus-labels"),
        ({"include_no_majority": True, "ferplus": "votes.csv", "ferplus_labels": True}, "--vote-weight"),
        ({"ferplus_labels": True, "classes": ("happy", "sad")}, "leave --classes out"),
        ({"model_options": ("classes=3",)}, "the number of classes follows from the labels"),
        ({"crop": "sometimes"}, "crop is sometimes; it must be one of auto, always, never"),
        ({"teachers": ("a.onnx",)}, "--distillation-weight"),
        ({"teachers": ("a.onnx",), "distillation_weight": 0.5, "augmentation": Augmentation()}, "--augmented-views"),
        ({"mixup": -1.0}, "mixup is -1.0; it must be at least 0"),
        ({"landmark_weight": -1.0}, "landmark weight is -1.0; it must be at least 0"),
        ({"landmark_weight": 1.0, "mixup": 0.2}, "leave --mixup and --weights out"),
        ({"landmark_weight": 1.0, "augmented_views": 2}, "pass --average-views"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingConfig(**settings)


def test_every_recipe_is_of_a_model_in_the_registry() -> None:
    from fer_zoo.models import list_models

    assert {recipe.config.model for recipe in RECIPES.values()} <= set(list_models())
    assert find_recipe("original").config == TrainingConfig()
    with pytest.raises(UsageError, match="choose one of original"):
        find_recipe("unknown")


def test_options_beside_a_recipe_override_it() -> None:
    from fer_zoo.cli.train import _new
    from fer_zoo.cli.train_options import training_parser

    parser = training_parser()
    parser.set_defaults(**{**vars(find_recipe("fernet_tiny").config), "backend": None, "data": None})
    _, config = _new(parser.parse_args(["--recipe", "fernet_tiny", "--epochs", "7", "--augmentation", "none"]))
    assert (config.model, config.epochs, config.optimizer, config.augmentation) == ("fernet_tiny", 7, "sgd", None)
    assert config.backend
    _, alone = _new(parser.parse_args(["--teachers", "--distillation-weight", "0"]))
    assert (alone.model, alone.teachers) == ("fernet_tiny", ())


def test_the_recipe_of_ferplus_asks_for_its_votes(ferplus: Path) -> None:
    from fer_zoo.cli.train import _new
    from fer_zoo.cli.train_options import training_parser

    parser = training_parser()
    parser.set_defaults(**{**vars(find_recipe("fernet_base_ferplus").config), "backend": None, "data": None})
    with pytest.raises(UsageError, match="pass it with --ferplus"):
        _new(parser.parse_args([]))
    _, config = _new(parser.parse_args(["--ferplus", str(ferplus)]))
    assert (config.ferplus_labels, config.warm_start, config.vote_weight) == (True, "fernet_base", 1.0)
