"""What a card says of training the model again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.reproduce import recipe_command, unavailable_weights
from fer_zoo.zoo import load_manifest, run_config, with_portable_paths


def test_files_outside_the_checkout_have_their_name_alone() -> None:
    config = {
        "command": "python -m fer_zoo.train --data ../data/fer2013.zip --weights ~/w/a.npz --output runs/a",
        "data": {"source": "/data/fer2013.zip, FER+ majority", "images": 7},
        "training": {"teachers": ["runs/b/model.onnx", "mobilenet_face:onnx:int8"], "ferplus": None},
    }
    assert with_portable_paths(config) == {
        "command": "python -m fer_zoo.train --data fer2013.zip --weights a.npz --output runs/a",
        "data": {"source": "fer2013.zip, FER+ majority", "images": 7},
        "training": config["training"],
    }


def test_the_models_of_several_runs_keep_their_folders() -> None:
    """A mean of runs outside the checkout was once described as that of `model.keras model.keras`."""
    command = "average /home/a/runs/first/model.keras ../second/model.keras ~/model.keras --output /home/a/mean"
    assert with_portable_paths(command) == "average first/model.keras second/model.keras model.keras --output mean"


def test_weights_that_are_gone_are_named() -> None:
    averaged = [{"command": "train --warm-start tiny --output runs/a"}, {"command": None}]
    config = {"command": "average runs/a/model.keras artifacts/tiny/model.keras --output runs/m", "averaged": averaged}
    assert unavailable_weights("tiny", config) == ["`runs/a/model.keras`", "an earlier tiny"]
    assert unavailable_weights("other", {"command": "train --recipe other --output runs/other"}) == []
    member = "runs/a/b.keras"
    assert unavailable_weights("e", {"command": f"ensemble {member}", "members": [{"path": member}]}) == [f"`{member}`"]


def test_the_recipe_names_the_files_that_it_needs() -> None:
    train = "python -m fer_zoo.train --recipe"
    assert recipe_command("fernet_tiny") == f"{train} fernet_tiny --data fer2013.zip"
    assert recipe_command("mobilenet_face") == f"{train} mobilenet_face --data fer2013.zip --weights FILE"
    assert recipe_command("mobilenet_v2") == f"{train} mobilenet_v2 --data fer2013.zip"
    assert recipe_command("fernet_base_ferplus").endswith("--ferplus ferplus.csv")
    assert recipe_command("fernet_ensemble") is None


@pytest.mark.parametrize("model", dict.fromkeys(a.model for a in load_manifest()))
def test_what_is_published_names_no_file_of_one_machine(root: Path, model: str) -> None:
    config = run_config(root / "artifacts" / model)
    assert with_portable_paths(config) == config
    entries = [a for a in load_manifest(root / "artifacts", absent=True) if a.model == model]
    assert [with_portable_paths(a.source) for a in entries] == [a.source for a in entries]
    assert "../" not in json.dumps(config)
