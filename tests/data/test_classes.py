"""Class folders: what they mean, which are chosen, and folders without splits."""

from __future__ import annotations

import numpy as np
import pytest
from make_fer2013 import write_csv, write_folder, write_zip

from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.data.classes import choose_classes
from fer_zoo.data.ferplus import load_labelled, relabelled
from fer_zoo.data.readers import open_source
from fer_zoo.data.training_data import OWN, kind_of
from fer_zoo.errors import UsageError


def renamed(files: dict[str, bytes], names: dict[str, str], splits: bool = True) -> dict[str, bytes]:
    """The images of some expressions in class folders of other names, with the folders of the splits or without."""
    found = {}
    for path, content in files.items():
        split, expression, file = path.split("/")
        if expression in names:
            found["/".join([split] * splits + [names[expression], file])] = content
    return found


OWN_NAMES = {"happy": "Smile", "neutral": "no smile", "surprise": "mouth open"}


def test_folders_of_other_names_are_classes_of_their_own_in_alphabetical_order(files, tmp_path):
    decoded = open_source(write_folder(tmp_path, renamed(files, OWN_NAMES))).read()
    assert decoded.classes.names == ("mouth open", "no smile", "Smile")
    assert np.bincount(decoded.labels).tolist() == [6, 6, 6]
    assert decoded.labels[decoded.names == next(n for n in decoded.names if "Smile" in n)].tolist() == [2]
    assert decoded.notes()[0] == "classes: mouth open, no smile, Smile"


def test_one_unknown_folder_makes_all_folders_classes(files, tmp_path):
    folder = write_folder(tmp_path, files | {"train/contempt/a.png": next(iter(files.values()))})
    assert open_source(folder).read().classes.names == ("angry", "contempt", *EXPRESSIONS[1:])


def test_some_of_the_expressions_keep_the_labels_of_all_seven_unless_they_are_chosen(files, tmp_path):
    three = write_folder(tmp_path, renamed(files, {"happy": "Happiness", "sad": "sad", "neutral": "neutral"}))
    assert load_dataset(three).expressions == EXPRESSIONS
    chosen = load_dataset(three, classes=("sad", "neutral", "happy"))
    assert chosen.expressions == ("sad", "neutral", "happy")
    assert set(chosen.names[chosen.labels == 2]) == {name for name in chosen.names if "Happiness" in name}
    assert kind_of(chosen) == OWN


def test_classes_that_are_not_chosen_are_left_out(files, tmp_path):
    for write, path in ((write_zip, "fer.zip"), (write_csv, "fer2013.csv")):
        dataset = load_dataset(write(tmp_path / path, files), classes=["happy", "angry"])
        assert (dataset.expressions, len(dataset)) == (("happy", "angry"), 12)
        assert "left out, since they were not chosen: disgust, fear, neutral, sad, surprise" in dataset.notes
    happy = dataset.images[dataset.labels == 0]
    np.testing.assert_array_equal(happy, load_dataset(tmp_path / "fer.zip").images[[6, 7, 20, 21, 34, 35]])


@pytest.mark.parametrize(
    ("folders", "chosen", "words"),
    [
        (["smile"], None, "only one class, smile"),
        (["a", "b"], ["a", "c"], "no images of the class c; there are a, b"),
        (["a", "b"], ["a"], "at least two names"),
        (["a", "b"], ["a", "A"], "each once"),
        (["a", "b"], ["a", " "], "cannot be used"),
    ],
)
def test_classes_that_cannot_be_used(folders, chosen, words):
    with pytest.raises(UsageError, match=words):
        choose_classes(folders, chosen)


def test_a_fifth_of_each_class_is_held_out_where_there_are_no_split_folders(files, tmp_path):
    flat = renamed(files, dict(zip(EXPRESSIONS, "abcdefg", strict=True)), splits=False)
    dataset = load_dataset(write_folder(tmp_path / "fer", flat | {"notes.png": b"x"}))
    counts = [np.bincount(dataset.subset(split).labels).tolist() for split in ("train", "test")]
    assert counts == [[5] * 7, [1] * 7]
    assert any("7 images of 42 are held out as test images, one in 5 of each class" in note for note in dataset.notes)
    assert any("1 image outside the class folders left out: notes.png" in note for note in dataset.notes)
    # The same images on every machine, and whatever else is there.
    fewer = {name: content for name, content in flat.items() if name[0] in "ab"}
    again = load_dataset(write_folder(tmp_path / "fewer", fewer))
    assert again.subset("test").names.tolist() == dataset.subset("test").names[:2].tolist()


def test_classes_that_are_those_of_the_folders_are_not_decoded_again(files, tmp_path, monkeypatch):
    folder = write_folder(tmp_path, renamed(files, OWN_NAMES))
    first = load_dataset(folder)
    with monkeypatch.context() as patch:
        patch.setattr("fer_zoo.data.readers.LargestFace.of", None)
        again = load_dataset(folder, classes=first.expressions)
    np.testing.assert_array_equal(again.images, first.images)
    other = load_dataset(folder, classes=first.expressions[::-1])
    assert (other.fingerprint, other.expressions) == (first.fingerprint, first.expressions[::-1])
    np.testing.assert_array_equal(np.sort(other.labels), np.sort(2 - first.labels))
    with pytest.raises(UsageError, match="must be a list of names"):
        load_dataset(folder, classes="smile")


def test_images_are_loaded_with_the_labels_of_a_model(files, tmp_path):
    folder = write_folder(tmp_path / "own", renamed(files, OWN_NAMES))
    labels = ("Smile", "mouth open")
    assert load_labelled(folder, labels).expressions == labels
    assert load_labelled(write_folder(tmp_path / "fer", files), EXPRESSIONS).expressions == EXPRESSIONS
    with pytest.raises(UsageError, match=r"no images of the class angry, .*; there are Smile, mouth open, no smile"):
        load_labelled(folder, EXPRESSIONS)


def test_loaded_images_get_the_labels_of_a_model_where_there_are_any():
    test = load_dataset().subset("public_test").take(slice(0, 40))
    assert relabelled(test, EXPRESSIONS) is test
    assert relabelled(test, FERPLUS_EXPRESSIONS).expressions == FERPLUS_EXPRESSIONS
    with pytest.raises(UsageError, match=r"the data has the classes angry, .*, and the model a, b"):
        relabelled(test, ("a", "b"))


def test_folders_of_splits_are_no_classes(files, tmp_path):
    content = next(iter(files.values()))
    folder = write_folder(tmp_path, {"train/a.png": content, "test/b.png": content})
    with pytest.raises(UsageError, match=r"no images in class folders found .* expected train/<class>/"):
        open_source(folder).read()


def test_a_zip_without_split_folders_is_read_as_the_folder_is(files, tmp_path):
    flat = renamed(files, OWN_NAMES, splits=False)
    one, other = (load_dataset(write(tmp_path / name, flat)) for write, name in ((write_folder, "a"), (write_zip, "b")))
    assert (one.names.tolist(), one.notes) == (other.names.tolist(), other.notes)
