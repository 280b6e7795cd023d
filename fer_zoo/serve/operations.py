"""One operation of the API, from which its routes and its part of the OpenAPI description are made."""

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
        path: Path as Starlette and OpenAPI write it, with `{name}` for parameters.
        endpoint: Function that handles a request; its name is the operation's.
        summary: Description in one line.
        response: Type of the JSON in a response with status 200; `None` for text.
        method: HTTP method.
        body: JSON Schema of the request body by media type; for JSON, its type.
        query: JSON Schemas of the query parameters by name.
        refusals: Statuses of error responses.
        middleware: Middleware for this operation only.
        other_paths: Further paths of the same operation.
    """

    path: str
    endpoint: Callable[[Request], Awaitable[Response]]
    summary: str
    response: Any
    method: str = "GET"
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    middleware: tuple[Middleware, ...] = ()
    other_paths: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.endpoint.__name__

    def routes(self) -> list[Route]:
        paths = (self.path, *self.other_paths)
        return [Route(path, self.endpoint, methods=[self.method], middleware=self.middleware) for path in paths]
