"""Mean and spread over seeds, from made run folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.accuracy.command import seeds_main as main
from benchmarks.accuracy.rows import SeedsReport
from benchmarks.accuracy.seeds import measure_seeds
from benchmarks.table import read_record
from fer_zoo.errors import UsageError


def _run(folder: Path, seed: int, private: float, epochs: int = 3) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"training": {"seed": seed, "epochs": epochs}}))
    splits = {"test": {"accuracy": private + 0.01}, "private_test": {"accuracy": private}}
    (folder / "evaluation.json").write_text(json.dumps({"splits": splits}))
    return folder


def test_mean_and_deviation_of_each_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [_run(tmp_path / str(i), i, accuracy) for i, accuracy in enumerate((0.70, 0.71, 0.72))]
    assert main(["small", *map(str, runs), "--output", str(tmp_path)]) == 0
    whole, private = read_record(tmp_path / "seeds.json", SeedsReport).rows
    assert (whole.split, private.split) == ("test", "private_test")
    assert private.text == "71.00 ± 1.00 %, 3 seeds"
    assert "PrivateTest: 71.00 ± 1.00 %, 3 seeds" in capsys.readouterr().out
    assert "70.00 % (0), 71.00 % (1), 72.00 % (2)" in (tmp_path / "seeds.md").read_text()
    assert (tmp_path / "seeds.png").stat().st_size > 1000
    # Measured anew, a model replaces its own rows alone.
    main(["other", *map(str, runs[:2]), "--output", str(tmp_path)])
    main(["small", *map(str, runs[1:]), "--output", str(tmp_path)])
    found = {(row.model, row.split): len(row.seeds) for row in read_record(tmp_path / "seeds.json", SeedsReport).rows}
    assert found == {(name, split): 2 for name in ("other", "small") for split in ("test", "private_test")}


def test_an_older_run_has_the_defaults_of_what_it_lacks_and_images_may_lie_anywhere(tmp_path: Path) -> None:
    first, second = (_run(tmp_path / str(seed), seed, 0.7) for seed in (1, 2))
    config = json.loads((second / "config.json").read_text())
    config["training"] |= {"crop": "auto", "classes": [], "data": "elsewhere/fer2013.zip"}
    config["data"] = {"source": "elsewhere/fer2013.zip", "images": 35887}
    (second / "config.json").write_text(json.dumps(config))
    config["data"]["source"] = config["training"]["data"] = "fer2013.zip"
    config["training"]["seed"] = 1
    (first / "config.json").write_text(json.dumps(config))
    assert len(measure_seeds("small", [first, second])[0].seeds) == 2
    config["data"]["images"] = 100
    (first / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="more than the seed: data"):
        measure_seeds("small", [first, second])


def test_runs_that_do_not_differ_in_the_seed_alone_are_refused(tmp_path: Path) -> None:
    first, same, longer = (_run(tmp_path / n, s, 0.7, e) for n, s, e in (("a", 1, 3), ("b", 1, 3), ("c", 2, 4)))
    (tmp_path / "unfinished").mkdir()
    for runs, words in (
        ([first], "two or more"),
        ([first, same], "must differ in their seeds"),
        ([first, longer], "more than the seed: epochs"),
        ([first, tmp_path / "unfinished"], "not the folder of a finished run"),
    ):
        with pytest.raises(UsageError, match=words):
            measure_seeds("small", runs)
