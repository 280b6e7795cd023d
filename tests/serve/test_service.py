"""What is checked when a model is loaded to answer requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from fer_zoo.errors import FerZooError
from fer_zoo.inference.isolation import Isolated
from fer_zoo.serve.catalog import ServedModel, find_model, served_models
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.prometheus import Metrics
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


def test_a_model_of_ones_own_runs_in_a_process_of_its_own() -> None:
    found = find_model(served_models(), "fernet_nano:onnx:int8")
    own = replace(found, own=True)
    faces = np.zeros((2, 48, 48), np.uint8)

    async def answers(model: ServedModel) -> np.ndarray:
        service = Service([model], model, 1, Limits(), Metrics())
        assert isinstance(service._classifiers[0]._model, Isolated) == model.own
        try:
            return await service.classify(model, faces)
        finally:
            service.close()

    np.testing.assert_array_equal(asyncio.run(answers(own)), asyncio.run(answers(found)))
