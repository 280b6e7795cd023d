"""The endpoint `POST /v1/predict`: finds the faces of a picture and classifies their expressions."""

from __future__ import annotations

from typing import Any

import numpy as np
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from fer_zoo.errors import UsageError
from fer_zoo.faces import Face
from fer_zoo.serve.catalog import ServedModel, find_model
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.responses import APIResponse, FacePrediction, Prediction, response_deadline
from fer_zoo.serve.service import Service

FIELD = "image"
PARAMETERS = ("cropped", "model")

_FORM = "multipart/form-data"


class Predict:
    """The endpoint.

    Args:
        service: Finds and classifies the faces.
        limits: Limits for time.
    """

    def __init__(self, service: Service, limits: Limits) -> None:
        self._service = service
        self._limits = limits

    async def predict(self, request: Request) -> APIResponse:
        model, cropped = self._parameters(request)
        content = await _picture(request)
        async with response_deadline(self._limits.timeout):
            return APIResponse(await self._prediction(content, model, cropped))

    async def _prediction(self, content: bytes, model: ServedModel, cropped: bool) -> Prediction:
        photo = await self._service.crops(content, cropped)
        labels = model.artifact.output["labels"]
        probabilities = await self._service.classify(model, photo.crops) if len(photo.crops) else np.empty((0, 0))
        detected = photo.faces if photo.faces is not None else [None] * len(probabilities)
        faces = [_face_prediction(face, labels, row) for face, row in zip(detected, probabilities, strict=True)]
        return Prediction(model.name, photo.width, photo.height, faces)

    def _parameters(self, request: Request) -> tuple[ServedModel, bool]:
        """Check the query and the Content-Type before the body is read."""
        query = request.query_params
        unknown = sorted(set(query) - set(PARAMETERS))
        if unknown:
            raise HTTPException(400, f"there is no parameter {unknown[0]!r}; {' and '.join(PARAMETERS)} are the two")
        if query.get("cropped", "false") not in ("true", "false"):
            raise HTTPException(400, "cropped must be true or false")
        kind = _kind(request)
        if not kind.startswith("image/") and kind not in ("application/octet-stream", _FORM):
            raise HTTPException(415, f"{kind} is no picture; send it as image/jpeg, image/png, … or {_FORM}")
        try:
            name = query.get("model")
            model = self._service.default if name is None else find_model(self._service.models, name)
        except UsageError as error:
            raise HTTPException(400, str(error)) from error
        return model, query.get("cropped") == "true"


class _Form(MultiPartParser):
    """Starlette's parser, which keeps the picture in memory instead of on disk, and detects an incomplete form."""

    spool_max_size = 1 << 40
    ended = False

    def on_end(self) -> None:
        self.ended = True


async def _picture(request: Request) -> bytes:
    """The picture: the body, or the field `image` of a form, whose other fields are ignored."""
    if _kind(request) != _FORM:
        return await request.body()
    parser = _Form(request.headers, request.stream(), max_files=10, max_fields=100)
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError) as error:
        raise HTTPException(400, f"the form is malformed: {getattr(error, 'message', error)}") from error
    if not parser.ended:
        raise HTTPException(400, "the form ends too early")
    pictures = form.getlist(FIELD)
    if len(pictures) > 1:
        raise HTTPException(400, "the form has two pictures; send one in each request")
    if not pictures or not isinstance(pictures[0], UploadFile):
        raise HTTPException(400, f"the form has no picture; send it as a file in a field named {FIELD!r}")
    return await pictures[0].read()


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()


def _face_prediction(face: Face | None, labels: list[str], row: np.ndarray) -> FacePrediction:
    detection: dict[str, Any] = {}
    if face is not None:
        detection["box"] = tuple(round(value, 2) for value in face.box)
        detection["landmarks"] = [(round(float(x), 2), round(float(y), 2)) for x, y in face.landmarks]
        detection["score"] = round(face.score, 4)
    probabilities = {label: round(float(value), 6) for label, value in zip(labels, row, strict=True)}
    return FacePrediction(label=labels[int(row.argmax())], probabilities=probabilities, **detection)
