from __future__ import annotations

import csv
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from make_fer2013 import csv_rows, write_csv, write_folder, write_icml_csv, write_zip
from PIL import Image

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.decoded import Decoded
from fer_zoo.data.readers import open_source
from fer_zoo.errors import FerZooError, UsageError


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def expected(files: dict[str, bytes]) -> Decoded:
    split = {"Training": "train", "PublicTest": "public_test", "PrivateTest": "private_test"}
    parts = [name.split("/") for name in files]
    return Decoded(
        images=np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in files.values()]),
        labels=np.array([EXPRESSIONS.index(part[1]) for part in parts]),
        splits=np.array([split[part[2].split("_")[0]] for part in parts]),
        names=np.array(list(files)),
    )


def assert_same(found: Decoded, wanted: Decoded) -> None:
    np.testing.assert_array_equal(found.images, wanted.images)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_array_equal(found.splits, wanted.splits)
    assert found.images.dtype == np.uint8
    assert found.labels.dtype == np.int64


def in_folder(path: Path, files: dict[str, bytes]) -> Path:
    return write_folder(path / "fer", files)


def in_nested_folder(path: Path, files: dict[str, bytes]) -> Path:
    write_folder(path / "fer" / "archive", files)
    return path / "fer"


def in_zip(path: Path, files: dict[str, bytes]) -> Path:
    return write_zip(path / "fer.zip", files)


def in_nested_zip_without_suffix(path: Path, files: dict[str, bytes]) -> Path:
    rubbish = {"__MACOSX/train/angry/._Training_1.png": b"x", "fer2013/.DS_Store": b"x"}
    return write_zip(path / "fer", {f"fer2013/{name}": content for name, content in files.items()} | rubbish)


def in_csv(path: Path, files: dict[str, bytes]) -> Path:
    return write_csv(path / "fer2013.csv", files)


def in_csv_with_byte_order_mark(path: Path, files: dict[str, bytes]) -> Path:
    plain = write_csv(path / "plain.csv", files).read_bytes()
    (path / "data.txt").write_bytes(b"\xef\xbb\xbf" + plain)
    return path / "data.txt"


def in_icml_csv(path: Path, files: dict[str, bytes]) -> Path:
    return write_icml_csv(path / "icml_face_data.csv", files)


def in_folder_with_csv(path: Path, files: dict[str, bytes]) -> Path:
    return write_csv(path / "fer2013.csv", files).parent


def in_zipped_csv(path: Path, files: dict[str, bytes]) -> Path:
    content = write_csv(path / "rows.csv", files).read_bytes()
    return write_zip(path / "archive.zip", {"fer2013/fer2013.csv": content})


FORMS = [
    in_folder,
    in_nested_folder,
    in_zip,
    in_nested_zip_without_suffix,
    in_csv,
    in_csv_with_byte_order_mark,
    in_icml_csv,
    in_folder_with_csv,
    in_zipped_csv,
]


@pytest.mark.parametrize("write", FORMS)
def test_every_form_gives_the_same_arrays(write, files, tmp_path):
    decoded = open_source(write(tmp_path, files)).read()
    assert_same(decoded, expected(files))
    assert decoded.notes() == ()


@pytest.mark.parametrize("write", [in_folder, in_nested_folder, in_zip, in_nested_zip_without_suffix])
def test_names_are_the_last_three_parts_of_the_path(write, files, tmp_path):
    assert open_source(write(tmp_path, files)).read().names.tolist() == list(files)


def test_rows_of_a_csv_are_counted_from_zero(files, tmp_path):
    decoded = open_source(in_csv(tmp_path, files)).read()
    assert decoded.names.tolist() == [f"row {number}" for number in range(len(files))]


def test_other_spellings_of_classes_and_splits(files, tmp_path):
    aliases = dict(
        zip(EXPRESSIONS, ("Anger", "Disgusted", "FEARFUL", "happiness", "Neutral", "sadness", "Surprised"), strict=True)
    )
    renamed = {}
    for name, content in files.items():
        split, expression, file = name.split("/")
        renamed[f"{split.capitalize()}/{aliases[expression]}/{file}"] = content
    assert_same(open_source(write_folder(tmp_path, renamed)).read(), expected(files))


def test_test_images_without_prefix_form_one_split_and_it_says_so(files, tmp_path):
    renamed = {name.replace("PublicTest_", "im").replace("PrivateTest_", "im"): data for name, data in files.items()}
    decoded = open_source(write_folder(tmp_path, renamed)).read()
    assert {split: int((decoded.splits == split).sum()) for split in set(decoded.splits)} == {"train": 14, "test": 28}
    assert any("28 test images" in note and "one test split" in note for note in decoded.notes())


def test_separate_folders_for_the_two_test_splits(files, tmp_path):
    moved = {}
    for name, content in files.items():
        _, expression, file = name.split("/")
        moved[f"{file.split('_')[0]}/{expression}/{file.split('_')[1]}"] = content
    moved = {name.replace("Training/", "train/"): content for name, content in moved.items()}
    decoded = open_source(write_folder(tmp_path, moved)).read()
    np.testing.assert_array_equal(decoded.splits, expected(files).splits)


def test_colour_and_other_sizes_become_gray_48x48_and_are_counted(files, tmp_path):
    names = list(files)
    gray = Image.open(io.BytesIO(files[names[0]]))
    changed = files | {
        names[0]: encoded(gray.convert("RGB")),
        names[1]: encoded(gray.resize((96, 80), Image.Resampling.BICUBIC).convert("RGBA")),
        names[2]: encoded(gray.resize((96, 96), Image.Resampling.BICUBIC), "JPEG"),
    }
    decoded = open_source(write_folder(tmp_path, changed)).read()
    np.testing.assert_array_equal(decoded.images[0], np.asarray(gray))
    assert np.abs(decoded.images[2].astype(int) - np.asarray(gray)).mean() < 10
    assert decoded.resized == (names[1], names[2])
    assert decoded.recoloured == (names[0], names[1])
    assert decoded.notes() == (
        "2 images of another size resized to 48x48",
        "2 images in colour or another depth turned to 8-bit gray",
    )


def test_sixteen_bit_gray_keeps_its_range(files, tmp_path):
    wide = np.arange(48 * 48, dtype=np.uint16).reshape(48, 48) * 28
    first = next(iter(files))
    decoded = open_source(write_folder(tmp_path, files | {first: encoded(Image.fromarray(wide))})).read()
    np.testing.assert_array_equal(decoded.images[0], np.round(wide / 257))
    assert (decoded.resized, decoded.recoloured) == ((), (first,))


@pytest.mark.parametrize("pack", [write_folder, write_zip])
def test_unreadable_images_are_left_out_and_named(pack, files, tmp_path):
    names = list(files)
    broken = files | {names[0]: files[names[0]][:400], names[5]: b"", names[9]: b"<html>not found</html>"}
    decoded = open_source(pack(tmp_path / "fer", broken)).read()
    assert len(decoded.images) == len(files) - 3
    assert decoded.names.tolist() == [name for name in names if name not in (names[0], names[5], names[9])]
    assert [name for name, _ in decoded.unreadable] == [names[0], names[5], names[9]]
    note, alone = decoded.notes()
    assert alone == "only one image in train of the class angry, fear, neutral"
    assert note.startswith("3 unreadable images left out: ")
    assert f"{names[5]} (is empty)" in note


def spoil_member(path: Path, name: str) -> None:
    """Overwrite the middle of a zip member."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    content = bytearray(path.read_bytes())
    middle = info.header_offset + 30 + len(name) + info.compress_size // 2
    content[middle : middle + 50] = b"\xff" * 50
    path.write_bytes(content)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_member_is_left_out(compression, files, tmp_path):
    path = tmp_path / "fer.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    damaged = next(iter(files))
    spoil_member(path, damaged)
    decoded = open_source(path).read()
    assert len(decoded.images) == len(files) - 1
    assert decoded.unreadable[0][0] == damaged


def test_a_damaged_zipped_csv_is_an_error(files, tmp_path):
    path = in_zipped_csv(tmp_path, files)
    spoil_member(path, "fer2013/fer2013.csv")
    with pytest.raises(FerZooError, match=r"archive\.zip is damaged"):
        open_source(path).read()


def test_a_set_without_one_readable_image_is_an_error(files, tmp_path):
    with pytest.raises(FerZooError, match="none of the 42 images") as raised:
        open_source(write_folder(tmp_path, dict.fromkeys(files, b"broken"))).read()
    assert raised.value.exit_code == 1


def test_images_elsewhere_are_left_out_and_named(files, tmp_path):
    extra = files | {"logo.png": b"x", "spare/happy/a.png": b"x"}
    decoded = open_source(write_folder(tmp_path, extra)).read()
    assert len(decoded.images) == len(files)
    assert decoded.outside == ("logo.png", "spare/happy/a.png")
    assert "2 images outside train/<class>/" in decoded.notes()[0]


def test_two_sets_in_one_folder_are_refused(files, tmp_path):
    write_folder(tmp_path, files)
    write_folder(tmp_path / "again", files)
    with pytest.raises(UsageError, match="more than one data set"):
        open_source(tmp_path).read()


def test_missing_path(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        open_source(tmp_path / "nowhere")


def test_empty_folder_tells_the_layout(tmp_path):
    with pytest.raises(UsageError, match=r"no images in class folders found .* expected train/<class>/"):
        open_source(tmp_path).read()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"not a zip", "neither a zip nor a CSV"),
        (b"PK\x03\x04 then the download broke off", "damaged zip"),
        (b"\x89PNG\r\n\x1a\n,\0\0", "neither a zip nor a CSV"),
    ],
)
def test_files_that_are_no_data_set(content, message, tmp_path):
    path = tmp_path / "fer2013.zip"
    path.write_bytes(content)
    with pytest.raises(FerZooError, match=message):
        open_source(path)


def test_a_tar_is_to_be_unpacked(tmp_path, files):
    import tarfile

    path = write_csv(tmp_path / "fer2013.csv", files)
    with tarfile.open(tmp_path / "fer2013.tar.gz", "w:gz") as archive:
        archive.add(path, "fer2013/fer2013.csv")
    with pytest.raises(UsageError, match="unpack it"):
        open_source(tmp_path / "fer2013.tar.gz")


def test_an_encrypted_zip_is_refused(files, tmp_path):
    path = write_zip(tmp_path / "fer.zip", files)
    content = path.read_bytes()
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        marked = bytearray(content)
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            marked[at + offset] |= 1
        content = bytes(marked)
    path.write_bytes(content)
    assert zipfile.is_zipfile(path)
    with pytest.raises(FerZooError, match="encrypted"):
        open_source(path).read()


def test_csv_without_the_columns_names_them(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("emotion,pixels\n0,1 2 3\n")
    with pytest.raises(UsageError, match=r"lacks the column usage .*emotion, pixels"):
        open_source(path).read()


def test_bad_rows_of_a_csv_are_left_out_and_the_others_keep_their_numbers(files, tmp_path):
    rows = list(csv_rows(files))
    rows[1] = (rows[1][0], rows[1][1].rsplit(" ", 1)[0], rows[1][2])
    rows[2] = ("7", *rows[2][1:])
    rows[3] = (rows[3][0], rows[3][1].replace(" ", " 999 ", 1), rows[3][2])
    rows[4] = (*rows[4][:2], "Validation")
    with (tmp_path / "fer2013.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("emotion", "pixels", "Usage"), *rows, ("0",)])
    decoded = open_source(tmp_path / "fer2013.csv").read()
    assert dict(decoded.unreadable) == {
        "row 1": "2,303 pixels instead of 2,304",
        "row 2": "unknown emotion '7'",
        "row 3": "pixels that are no numbers from 0 to 255",
        "row 4": "unknown Usage 'Validation'",
        f"row {len(files)}": "too few columns",
    }
    assert decoded.names.tolist()[:2] == ["row 0", "row 5"]


def test_csv_without_one_good_row_is_an_error(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n0,1 2 3,Training\n")
    with pytest.raises(FerZooError, match=r"no readable row \(row 0: 3 pixels"):
        open_source(path).read()


def test_the_decoding_of_one_form_does_not_depend_on_the_order_of_the_folder(files, tmp_path):
    backwards = dict(reversed(files.items()))
    assert open_source(write_zip(tmp_path / "a.zip", backwards)).read().names.tolist() == list(files)


def test_what_lies_in_a_folder_beside_images_is_named_and_ends_nothing(files, tmp_path):
    folder = write_folder(tmp_path / "fer", files | {"train/happy/list.txt": b"x", "train/happy/Thumbs.db": b"x"})
    (folder / "train/happy/gone.png").symlink_to(tmp_path / "gone.png")
    (folder / "train/happy/loop.png").symlink_to(folder / "train/happy/loop.png")
    for suffix in ("jfif", "jpe", "gif", "ppm", "avif"):
        (folder / f"train/happy/a.{suffix}").write_bytes(next(iter(files.values())))
    decoded = open_source(folder).read()
    assert len(decoded.images) == len(files) + 5
    assert decoded.no_images == ("train/happy/list.txt",)
    assert decoded.broken_links == ("train/happy/gone.png", "train/happy/loop.png")
    assert decoded.unreadable == ()
    assert "1 file of other kinds than images left out: train/happy/list.txt" in decoded.notes()


def test_a_folder_that_cannot_be_listed_is_named(files, tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "fer", files)
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "fear":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    decoded = open_source(folder).read()
    assert decoded.unreadable == tuple(
        (f"{split}/fear/", "cannot be read: Permission denied") for split in ("test", "train")
    )
    assert len(decoded.images) == len(files) - 6


def test_the_first_of_two_zip_entries_with_one_name_is_taken(files, tmp_path):
    path = write_zip(tmp_path / "fer.zip", files)
    first, other, *_ = files
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(first, files[other])
    decoded = open_source(path).read()
    assert_same(decoded, expected(files))
    assert decoded.notes() == (f"1 name more than once in the zip, the first was taken: {first}",)


def test_a_picture_of_too_many_pixels_in_a_zip_is_left_out(files, tmp_path):
    large = encoded(Image.new("1", (9000, 9000)))
    decoded = open_source(write_zip(tmp_path / "fer.zip", files | {"train/happy/large.png": large})).read()
    assert decoded.unreadable == (
        ("train/happy/large.png", "has too many pixels (81 million, the limit is 80 million)"),
    )


@pytest.mark.parametrize("test", [False, True])
def test_validation_is_for_choosing_where_there_is_a_test_folder_too(test, files, tmp_path):
    """Kaggle's train and validation, and the three folders of others."""
    names = {name: f"{name.split('/')[1]}/{number}.png" for number, name in enumerate(files)}
    renamed = {}
    for name, content in files.items():
        split = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test" if test else "validation"}
        renamed[f"{split[name.split('/')[2].split('_')[0]]}/{names[name]}"] = content
    splits = open_source(write_folder(tmp_path / "fer", renamed)).read().splits
    if test:
        np.testing.assert_array_equal(splits, expected(files).splits)
    else:
        assert {split: int((splits == split).sum()) for split in set(splits.tolist())} == {"train": 14, "test": 28}
