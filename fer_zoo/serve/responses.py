"""Types of the API's responses, from which its OpenAPI description is made, and helpers that send them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

Probability = Annotated[float, Meta(ge=0, le=1)]


class FacePrediction(Struct, frozen=True, kw_only=True):
    """One face; a picture sent with `cropped=true` has neither box, landmarks nor score."""

    box: Annotated[
        tuple[float, float, float, float] | UnsetType,
        Meta(description="x, y, width, height in pixels of the upright picture"),
    ] = UNSET
    landmarks: Annotated[
        list[tuple[float, float]] | UnsetType,
        Meta(description="right eye, left eye, nose, right and left corner of the mouth: x, y in pixels"),
    ] = UNSET
    score: Annotated[float | UnsetType, Meta(description="The detector's confidence that this is a face, 0..1")] = UNSET
    label: Annotated[str, Meta(description="The most probable expression")]
    probabilities: Annotated[dict[str, Probability], Meta(description="Probability of each expression of the model")]


class Prediction(Struct, frozen=True):
    """The faces of a picture, the highest score first, and width and height of the upright picture."""

    model: str
    width: int
    height: int
    faces: list[FacePrediction]


class Health(Struct, frozen=True):
    """The state of the server; `waiting` is the number of requests that wait for their response."""

    status: str
    version: str
    waiting: int


class Error(Struct, frozen=True):
    """Why a request was refused."""

    error: Annotated[str, Meta(description="One sentence")]


class APIResponse(Response):
    """A response with a struct or a dataclass as JSON."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status, {"Cache-Control": "no-store"} | dict(headers or {}))

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content) + b"\n"


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> APIResponse:
    return APIResponse(Error(message), status, headers)


def unavailable(message: str) -> HTTPException:
    """An error with status 503 that asks the client to try again in a second."""
    return HTTPException(503, message, {"Retry-After": "1"})


@asynccontextmanager
async def response_deadline(seconds: float) -> AsyncIterator[None]:
    """Cancel the code in this context if it takes longer, and respond with 503."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise unavailable(f"no answer within {seconds:g} seconds; try again in a moment") from None


async def refuse(request: Request, error: Exception) -> Response:
    """Handle an HTTPException: the client gets its detail, one sentence, as the error."""
    assert isinstance(error, HTTPException)
    path, headers, message = request.url.path, dict(error.headers or {}), error.detail
    # The exceptions of Starlette's router have no such sentence.
    if error.status_code == 404 and message == "Not Found":
        message = f"there is nothing at {path}; /docs lists all operations"
    elif error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
        message = f"{path} takes {headers['Allow']}, not {request.method}"
    return refusal(error.status_code, message, headers)
