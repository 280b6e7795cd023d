from __future__ import annotations

import hashlib
import io

import numpy as np
from make_fer2013 import write_folder
from PIL import Image

from fer_zoo.data import load_dataset, train_copies
from fer_zoo.data.copies import pixel_hashes


def test_568_test_images_of_the_bundled_sample():
    data = load_dataset()
    copied = train_copies(data)
    assert copied.dtype == bool
    assert copied.shape == (len(data),)
    assert copied.sum() == 568
    assert not copied[data.splits == "train"].any()
    assert train_copies(data.subset("test")).sum() == 568


def test_those_with_a_copy_in_the_bundled_tenth_of_train_are_among_them():
    data = load_dataset()
    train, test = data.subset("train"), data.subset("test")
    here = np.isin(pixel_hashes(test.images), pixel_hashes(train.images))
    assert here.sum() == 61
    assert train_copies(test)[here].all()


def test_a_reencoded_copy_is_known_by_its_name_and_a_renamed_one_by_its_pixels(tmp_path):
    data = load_dataset().subset("test")
    index = int(np.flatnonzero(train_copies(data))[0])
    image = Image.fromarray(np.array(data.images[index]))
    lossy, lossless = io.BytesIO(), io.BytesIO()
    image.save(lossy, "JPEG", quality=50)
    image.save(lossless, "PNG")
    name = data.names[index].replace(".png", ".jpg")
    other = data.names[int(np.flatnonzero(~train_copies(data))[0])]
    pixels = Image.fromarray(np.array(data.images[data.names == other][0]))
    plain = io.BytesIO()
    pixels.save(plain, "PNG")
    files = {name: lossy.getvalue(), "test/happy/a.png": lossless.getvalue(), "test/happy/b.png": plain.getvalue()}
    found = load_dataset(write_folder(tmp_path, files))
    assert dict(zip(found.names.tolist(), train_copies(found).tolist(), strict=True)) == {
        name: True,
        "test/happy/a.png": True,
        "test/happy/b.png": False,
    }


def test_hash_is_that_of_the_pixel_bytes():
    images = np.arange(2 * 48 * 48, dtype=np.uint8).reshape(2, 48, 48)
    assert pixel_hashes(images[:, :, ::-1])[1] == hashlib.sha256(images[1, :, ::-1].tobytes()).hexdigest()[:16]
