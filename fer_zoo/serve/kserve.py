"""The V2 inference protocol (KServe's Open Inference Protocol, Triton's HTTP/REST) for faces of 48x48 pixels.

https://github.com/kserve/open-inference-protocol and Triton's binary tensor data extension.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fer_zoo import __version__
from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.errors import UsageError
from fer_zoo.serve.catalog import ServedModel, find_model
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.responses import APIResponse, response_deadline
from fer_zoo.serve.service import Service

INPUT, OUTPUT = "image", "probabilities"
# Every model has one version; requests need not name it.
VERSION = "1"
VERSION_PATH = f"/v2/models/{{model}}/versions/{VERSION}"
# In the binary tensor data extension, this header has the length of the JSON, after which the tensors follow.
_JSON_LENGTH = "Inference-Header-Content-Length"
_DTYPES = {"FP32": np.float32, "UINT8": np.uint8}
_SHAPE = (IMAGE_SIZE, IMAGE_SIZE, 1)


class ServerMetadata(Struct, frozen=True):
    """Name and version of the server, and its extensions of the protocol."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(Struct, frozen=True):
    """An input or output of a model; a size of -1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Struct, frozen=True):
    """Inputs and outputs of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Ready(Struct, frozen=True):
    """Whether the server, or a model, is ready for requests."""

    ready: bool


class Live(Struct, frozen=True):
    """Whether the server runs."""

    live: bool


class InputTensor(Struct, frozen=True):
    """Faces, gray, 0..255: FP32 or UINT8 `[n, 48, 48, 1]`; without `data`, they follow the JSON in binary."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | UnsetType = UNSET


class RequestedOutput(Struct, frozen=True):
    """A requested output; with the parameter `binary_data` it is sent in binary."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(Struct, frozen=True):
    """Faces to classify."""

    inputs: list[InputTensor]
    id: str | UnsetType = UNSET
    parameters: dict[str, Any] = {}
    outputs: list[RequestedOutput] = []


class OutputTensor(Struct, frozen=True, omit_defaults=True):
    """The probabilities of each face, FP32 `[n, classes]`."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float] | UnsetType = UNSET
    parameters: dict[str, int] = {}


class InferResponse(Struct, frozen=True):
    """The response; `id` is that of the request."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | UnsetType = UNSET


def largest_body(limits: Limits) -> int:
    """Size of the longest request in bytes: a pixel has at most 24 characters in JSON, with its separator."""
    return 100_000 + 24 * limits.batch * math.prod(_SHAPE)


class KServe:
    """The endpoints of the V2 protocol.

    Args:
        service: Classifies the faces.
        limits: Limits for the faces in one request and for time.
    """

    def __init__(self, service: Service, limits: Limits) -> None:
        self._service = service
        self._limits = limits

    async def server_metadata(self, request: Request) -> Response:
        return APIResponse(ServerMetadata("fer_zoo", __version__, ["binary_tensor_data"]))

    async def live(self, request: Request) -> Response:
        return APIResponse(Live(True))

    async def ready(self, request: Request) -> Response:
        return APIResponse(Ready(True))

    async def model_ready(self, request: Request) -> Response:
        self._model(request)
        return APIResponse(Ready(True))

    async def model_metadata(self, request: Request) -> Response:
        model = self._model(request)
        classes = len(model.artifact.output["labels"])
        faces = TensorMetadata(INPUT, "FP32", [-1, *_SHAPE])
        probabilities = TensorMetadata(OUTPUT, "FP32", [-1, classes])
        return APIResponse(ModelMetadata(model.name, [VERSION], "onnxruntime_onnx", [faces], [probabilities]))

    async def infer(self, request: Request) -> Response:
        model = self._model(request)
        content, tensors = _parsed(await request.body(), request.headers.get(_JSON_LENGTH))
        faces = self._faces(content, tensors)
        async with response_deadline(self._limits.timeout):
            return _response(model, content, await self._service.classify(model, faces))

    def _model(self, request: Request) -> ServedModel:
        try:
            return find_model(self._service.models, request.path_params["model"])
        except UsageError as error:
            raise HTTPException(404, str(error)) from error

    def _faces(self, content: InferRequest, tensors: bytes) -> np.ndarray:
        """The only input, float32 or uint8 `[n, 48, 48]`."""
        if [tensor.name for tensor in content.inputs] != [INPUT]:
            raise HTTPException(400, f"send one input, named {INPUT!r}")
        if any(output.name != OUTPUT or "classification" in output.parameters for output in content.outputs):
            raise HTTPException(400, f"the only output is {OUTPUT!r}, without classification")
        (tensor,) = content.inputs
        dtype = _DTYPES.get(tensor.datatype)
        if dtype is None:
            raise HTTPException(400, f"the datatype must be {' or '.join(_DTYPES)}, not {tensor.datatype!r}")
        count = tensor.shape[0] if tensor.shape else 0
        if tensor.shape not in ([count, *_SHAPE], [count, *_SHAPE[:2]]) or not 0 < count <= self._limits.batch:
            raise HTTPException(
                400, f"the shape must be [n, {IMAGE_SIZE}, {IMAGE_SIZE}, 1], n at most {self._limits.batch}"
            )
        size = tensor.parameters.get("binary_data_size")
        try:
            # Little-endian, row by row.
            values = np.frombuffer(tensors, np.dtype(dtype).newbyteorder("<")) if size else _numbers(tensor.data)
            if size not in (None, len(tensors)):
                raise ValueError(f"binary_data_size is {size!r}, and {len(tensors)} bytes follow the JSON")
            faces = values.reshape(count, IMAGE_SIZE, IMAGE_SIZE)
        except (ValueError, TypeError, OverflowError) as error:
            raise HTTPException(400, f"the data does not fit shape and datatype: {error}") from error
        if not (faces.min() >= 0 and faces.max() <= 255):  # Also true for NaN.
            raise HTTPException(400, "the pixels must lie in 0..255")
        return faces.astype(dtype)


def _parsed(body: bytes, json_length: str | None) -> tuple[InferRequest, bytes]:
    """The JSON of a request, and the bytes that follow it."""
    if json_length is not None and not (json_length.isascii() and json_length.isdigit()):
        raise HTTPException(400, f"{_JSON_LENGTH} is not a number of bytes")
    end = len(body) if json_length is None else int(json_length)
    try:
        return msgspec.json.decode(body[:end], type=InferRequest), body[end:]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(400, f"the request is not that of the V2 protocol: {error}") from error


def _numbers(data: list[Any] | UnsetType) -> np.ndarray:
    """The tensor's data, flat or nested."""
    if data is UNSET:
        raise ValueError("there is none")
    values = np.asarray(data)
    if values.dtype.kind not in "iuf":
        raise ValueError("it must be numbers, in one list or in lists as long as the shape says")
    return values


def _response(model: ServedModel, content: InferRequest, probabilities: np.ndarray) -> Response:
    requested = [output.parameters.get("binary_data", False) for output in content.outputs]
    binary = requested[0] if requested else content.parameters.get("binary_data_output", False)
    tensor = probabilities.astype("<f4")
    output = OutputTensor(
        OUTPUT,
        "FP32",
        list(tensor.shape),
        UNSET if binary else tensor.ravel().tolist(),
        {"binary_data_size": tensor.nbytes} if binary else {},
    )
    response = InferResponse(model.name, VERSION, [output], content.id)
    if not binary:
        return APIResponse(response)
    head = msgspec.json.encode(response)
    return Response(
        head + tensor.tobytes(),
        media_type="application/octet-stream",
        headers={_JSON_LENGTH: str(len(head)), "Cache-Control": "no-store"},
    )
