"""One operation of the API, of which its routes and its part of the OpenAPI description are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        path: As Starlette and OpenAPI write it, with `{name}`.
        endpoint: Answers; its name is the operation's.
        summary: One line.
        answer: Type of the JSON of a 200, `None` where it is text.
        method: Of HTTP.
        body: JSON Schema of the request's body, by media type; a type where it is JSON.
        query: JSON Schemas of the query's parameters.
        refusals: Statuses besides 200.
        around: Middleware of this operation alone.
        other_paths: Where it is found too.
    """

    path: str
    endpoint: Callable[[Request], Awaitable[Response]]
    summary: str
    answer: Any
    method: str = "GET"
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    around: tuple[Middleware, ...] = ()
    other_paths: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.endpoint.__name__

    def routes(self) -> list[Route]:
        paths = (self.path, *self.other_paths)
        return [Route(path, self.endpoint, methods=[self.method], middleware=self.around) for path in paths]
