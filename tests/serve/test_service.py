"""What is checked when a model is loaded to answer requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fer_zoo.errors import FerZooError
from fer_zoo.serve.catalog import ServedModel, find_model, served_models
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.metrics import Metrics
from fer_zoo.serve.service import Service


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, "is not the file that the manifest describes"),
        ({"output": {"labels": list("abcdefg")}}, "has other labels than the manifest says"),
    ],
)
def test_a_model_that_does_not_fit_its_entry_answers_nothing(changes: dict[str, object], words: str) -> None:
    found = find_model(served_models(), "fernet_nano:onnx:int8")
    model = ServedModel(replace(found.artifact, **changes), found.path)  # type: ignore[arg-type]
    with pytest.raises(FerZooError, match=words):
        Service([model], model, 1, Limits(), Metrics())
