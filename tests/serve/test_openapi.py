"""The description of the API, and the API held against it."""

from __future__ import annotations

from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck
from running import Serving
from schemathesis.specs.openapi.checks import positive_data_acceptance
from test_server import ask, predict

from fer_zoo.serve.app import create_app

# Whatever is sent, a failure of the server is no answer. 503 is what a full queue gets, and here there is none.
SETTINGS = hypothesis.settings(
    max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def _resolved(document: dict[str, Any], name: str) -> dict[str, Any]:
    return document["components"]["schemas"][name]


def test_the_description_names_what_the_server_answers(serving: Serving, face_file: bytes) -> None:
    document = ask(serving, "GET", "/openapi.json")[1]
    for path, methods in document["paths"].items():
        assert set(methods) == ({"post"} if path.endswith(("/predict", "/infer")) else {"get"})
    catalog = ask(serving, "GET", "/v1/models")[1]
    for name, answer in (
        ("Catalog", catalog),
        ("ModelEntry", catalog["models"][0]),
        ("Health", ask(serving, "GET", "/healthz")[1]),
        ("ModelMetadata", ask(serving, "GET", "/v2/models/fernet_tiny")[1]),
        ("Error", ask(serving, "GET", "/nothing")[1]),
        ("Prediction", predict(serving, face_file, "?cropped=true")[1]),
    ):
        assert set(_resolved(document, name)["properties"]) == set(answer), name
    face = predict(serving, face_file, "?cropped=true")[1]["faces"][0]
    assert set(_resolved(document, "FacePrediction")["required"]) == set(face)
    other = predict(serving, face_file, "?cropped=true&model=fernet_base_ferplus:onnx:int8")[1]
    assert set(other["faces"][0]["probabilities"]) == {*face["probabilities"], "contempt"}


def test_every_answer_is_one_of_those_described() -> None:
    app = create_app(["fernet_nano:onnx:int8"], jobs=1, allowed_hosts=["*"])
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [operation.ok() for operation in schema.get_all_operations()]
    assert len(operations) == 9

    for operation in operations:

        @SETTINGS
        @hypothesis.given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            # No schema can say which bytes are a picture.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        check()
