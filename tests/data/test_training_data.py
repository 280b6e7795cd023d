"""What a set is, told by its images, and what a run says of the data it was trained on."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_fer2013 import write_folder
from PIL import Image

from fer_zoo.data import Dataset, TrainingData, copies_of_train, load_dataset, majority_labels
from fer_zoo.data.training_data import FER2013, OWN, SAMPLE, is_fer2013_test, kind_of


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset()


@pytest.fixture(scope="module")
def own(sample: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four train images and two test images, one of them a copy of a train image."""
    train = sample.subset("train")
    files = {}
    for name, index in (("train/happy/a", 0), ("train/happy/b", 1), ("test/happy/a", 0), ("test/happy/c", 2)):
        file = io.BytesIO()
        Image.fromarray(np.array(train.images[index])).save(file, "PNG")
        files[f"{name}.png"] = file.getvalue()
    return load_dataset(write_folder(tmp_path_factory.mktemp("own") / "faces", files))


def test_the_sample_is_known_by_its_pixels_whatever_its_path_is(sample: Dataset) -> None:
    assert kind_of(replace(sample, source="elsewhere.zip", names=np.arange(len(sample)).astype(str))) == SAMPLE
    assert kind_of(sample.take(np.arange(0, len(sample), 2))) == OWN
    assert is_fer2013_test(sample.subset("test"))
    assert not is_fer2013_test(sample.subset("public_test"))
    assert not is_fer2013_test(majority_labels(sample).subset("test"))


def test_the_full_set_is_known_without_its_names(full_set: Path) -> None:
    full = load_dataset(full_set)
    assert kind_of(replace(full, source="faces", names=np.arange(len(full)).astype(str))) == FER2013
    assert kind_of(full.subset("train")) == FER2013


def test_images_of_ones_own_are_never_called_fer2013(own: Dataset) -> None:
    assert kind_of(own) == OWN
    data = TrainingData.of(OWN, own, own.subset("train").take([0]), own.subset("train").take([1]))
    assert data.splits == {"train": 1, "held_out": 1, "test": 2}
    assert data.text == (
        "own images (faces), 1 training image; the epoch chosen on a tenth held out of train (1 image)"
    )
    assert TrainingData.of_config(json.loads(json.dumps({"data": data.to_json()}))) == data


def test_copies_are_those_of_the_models_own_training_images(own: Dataset, sample: Dataset) -> None:
    test = sample.subset("test")
    data = TrainingData.of(SAMPLE, sample, sample.subset("train"), sample.subset("public_test"))
    assert copies_of_train(sample, test, data).sum() == 61
    assert copies_of_train(sample, test, replace(data, kind=FER2013)).sum() == 568
    assert copies_of_train(sample, test, None).sum() == 568
    mine = TrainingData.of(OWN, own, own.subset("train"), own.subset("train"))
    assert copies_of_train(own, own.subset("test"), mine).tolist() == [True, False]
    assert copies_of_train(sample, test, mine) is None


def test_older_configs_tell_no_kind() -> None:
    old = {"data": {"source": "fer2013.zip", "fingerprint": "90a5", "images": 35887}}
    assert TrainingData.of_config(old) is None
    assert TrainingData.of_config({}) is None


def test_the_task_is_whose_labels_were_learned(own: Dataset, sample: Dataset) -> None:
    train, chosen = sample.subset("train"), sample.subset("public_test")
    assert TrainingData.of(SAMPLE, sample, train, chosen).task == "FER2013"
    eight = majority_labels(sample)
    assert TrainingData.of(SAMPLE, eight, eight.subset("train"), eight.subset("public_test")).task == "FER+"
    assert TrainingData.of(OWN, own, own.subset("train"), own.subset("train")).task == "own images"
