from __future__ import annotations

import zipfile

import numpy as np
import pytest
from make_fer2013 import write_csv, write_zip

from fer_zoo.data import load_dataset
from fer_zoo.data.bundle import choose_train, main, write_bundle
from fer_zoo.data.copies import TRAIN_COPIES
from fer_zoo.data.dataset import BUNDLED
from fer_zoo.errors import UsageError


def test_bundle_is_the_same_bytes_whatever_the_order_of_the_source(files, tmp_path, monkeypatch):
    monkeypatch.setattr("fer_zoo.data.bundle.TRAIN_SIZE", 7)
    written = []
    for number, order in enumerate((files, dict(reversed(files.items())))):
        source = write_zip(tmp_path / f"{number}.zip", {f"fer2013/{name}": data for name, data in order.items()})
        target = tmp_path / f"bundle{number}.zip"
        write_bundle(source, load_dataset(source), target)
        written.append(target.read_bytes())
    assert written[0] == written[1]
    with zipfile.ZipFile(tmp_path / "bundle0.zip") as archive:
        assert all(archive.read(name) == files[name] for name in archive.namelist())


def test_strata_follow_the_largest_remainder():
    data = load_dataset()
    chosen = choose_train(data, size=100)
    assert len(set(chosen)) == 100
    counts = np.array([sum(f"/{name}/" in one for one in chosen) for name in ("angry", "disgust", "fear", "happy")])
    # The shares are 13.90, 1.53, 14.28, 25.15 (and 17.28, 16.82, 11.04): the three largest remainders are rounded up.
    assert counts.tolist() == [14, 2, 14, 25]
    assert set(choose_train(data, size=100, seed=1)) != set(chosen)


def test_only_the_whole_set_is_bundled(files, tmp_path):
    with pytest.raises(UsageError, match="14 train and 28 test images"):
        main([str(write_zip(tmp_path / "fer.zip", files)), "--output", str(tmp_path / "out.zip")])
    with pytest.raises(UsageError, match="is not a zip"):
        main([str(write_csv(tmp_path / "fer2013.csv", files))])
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.slow
def test_the_command_makes_the_files_in_the_checkout_again(full_set, tmp_path):
    bundle, copies = tmp_path / "sample.zip", tmp_path / "copies.txt"
    assert main([str(full_set), "--output", str(bundle), "--copies", str(copies)]) == 0
    assert bundle.read_bytes() == BUNDLED.read_bytes()
    assert copies.read_bytes() == TRAIN_COPIES.read_bytes()
