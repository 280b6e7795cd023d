"""The V2 protocol, as Triton's own client speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from running import Serving
from test_server import ask
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from fer_zoo import load_classifier

MODEL = "baseline_cnn:onnx:int8"
INFER = f"/v2/models/{MODEL}/infer"


@pytest.fixture
def client(serving: Serving) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{serving.port}") as client:
        yield client


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8)


def test_server_and_models_are_described(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready(MODEL, "2")
    assert not client.is_model_ready("vgg")
    metadata = client.get_model_metadata("fernet_base_ferplus:onnx:int8")
    assert metadata["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 48, 48, 1]}]
    assert metadata["outputs"] == [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 8]}]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_faces_are_classified(
    client: triton.InferenceServerClient, faces: np.ndarray, binary_in: bool, binary_out: bool | None, dtype: type
) -> None:
    image = triton.InferInput("image", list(faces.shape), "FP32" if dtype is np.float32 else "UINT8")
    image.set_data_from_numpy(faces.astype(dtype), binary_data=binary_in)
    outputs = None if binary_out is None else [triton.InferRequestedOutput("probabilities", binary_data=binary_out)]
    version = "1" if binary_in else ""
    result = client.infer(MODEL, [image], model_version=version, outputs=outputs, request_id="7")
    assert result.get_response()["id"] == "7"
    expected = load_classifier(MODEL).predict_proba(faces)
    np.testing.assert_allclose(result.as_numpy("probabilities"), expected, atol=1e-6)


def test_the_client_gets_the_sentence(client: triton.InferenceServerClient, faces: np.ndarray) -> None:
    image = triton.InferInput("image", list(faces.shape), "FP32")
    image.set_data_from_numpy(faces.astype(np.float32) * 2)
    with pytest.raises(InferenceServerException, match=r"\[400\] the pixels must lie in 0..255"):
        client.infer(MODEL, [image])
    with pytest.raises(InferenceServerException, match=r"\[404\] there is no model 'vgg'"):
        client.infer("vgg", [image])


GOOD = {"name": "image", "shape": [1, 48, 48, 1], "datatype": "UINT8", "data": [7] * 2304}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "missing required field `inputs`"),
        ({"inputs": []}, "send one input"),
        ({"inputs": [GOOD | {"name": "x"}]}, "named 'image'"),
        ({"inputs": [GOOD, GOOD]}, "send one input"),
        ({"inputs": [GOOD | {"datatype": "FP16"}]}, "must be FP32 or UINT8, not 'FP16'"),
        ({"inputs": [GOOD | {"shape": [1, 49, 48, 1]}]}, "the shape must be [n, 48, 48, 1]"),
        ({"inputs": [GOOD | {"shape": []}]}, "the shape must be"),
        ({"inputs": [GOOD | {"shape": [65, 48, 48, 1]}]}, "n at most 64"),
        ({"inputs": [GOOD | {"shape": [-1, 48, 48, 1]}]}, "the shape must be"),
        ({"inputs": [GOOD | {"shape": [2, 48, 48, 1]}]}, "does not fit"),
        ({"inputs": [GOOD | {"data": [7]}]}, "does not fit"),
        ({"inputs": [GOOD | {"data": ["a"] * 2304}]}, "must be numbers"),
        ({"inputs": [GOOD | {"data": [[1], [1, 2]]}]}, "does not fit"),
        ({"inputs": [GOOD | {"data": [256] * 2304}]}, "must lie in 0..255"),
        ({"inputs": [{k: v for k, v in GOOD.items() if k != "data"}]}, "there is none"),
        ({"inputs": [GOOD | {"parameters": {"binary_data_size": 9}}]}, "does not fit"),
        ({"inputs": [GOOD | {"parameters": {"binary_data_size": "a"}}]}, "does not fit"),
        ({"inputs": [GOOD], "outputs": [{"name": "logits"}]}, "the only output is"),
        ({"inputs": [GOOD], "outputs": [{"name": "probabilities", "parameters": {"classification": 3}}]}, "without"),
    ],
)
def test_bad_requests_get_a_sentence(serving: Serving, request_: dict[str, object], words: str) -> None:
    status, answer, _ = ask(serving, "POST", INFER, json.dumps(request_).encode())
    assert (status, list(answer)) == (400, ["error"])
    assert words in answer["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'{"inputs": 1e999}'])
def test_what_is_no_json_gets_a_sentence(serving: Serving, body: bytes) -> None:
    assert ask(serving, "POST", INFER, body)[0] == 400
    assert ask(serving, "POST", INFER, body, Inference_Header_Content_Length="x")[0] == 400
