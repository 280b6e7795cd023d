"""The description of the API in OpenAPI 3.1, made from its operations and their types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from fer_zoo import __version__
from fer_zoo.serve.operations import Operation
from fer_zoo.serve.responses import Error

_DESCRIPTION = (
    "Facial expression recognition. An expression is not an emotion: the models name what a face looks like, not what "
    "somebody feels. The EU AI Act bans inferring emotions at work and in education."
)

_REFUSALS = {
    400: "The request is malformed, the model is not known, or the picture is empty, damaged or no picture",
    404: "There is no such model",
    408: "The body came too slowly",
    411: "The body has no Content-Length",
    413: "The body has too many bytes, or the picture too many pixels",
    415: "The Content-Type is not that of a picture, or the body has a Content-Encoding",
    503: "Too many requests are waiting; `Retry-After` says when to come back",
}


def openapi(operations: Sequence[Operation], root_path: str = "") -> dict[str, Any]:
    """The document at `/openapi.json`.

    Args:
        operations: All operations of the API.
        root_path: Path under which the app is mounted.
    """
    bodies = [kind for operation in operations for kind in operation.body.values() if isinstance(kind, type)]
    types = [Error, *bodies, *(operation.response for operation in operations if operation.response)]
    (*_,), schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fer_zoo",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": _DESCRIPTION,
        },
        "servers": [{"url": root_path or "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    in_query = [{"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()]
    content = {kind: {"schema": _schema(schema)} for kind, schema in operation.body.items()}
    schema = operation.response and _schema(operation.response)
    response = {"application/json": {"schema": schema}} if schema else {"text/plain": {}}
    error = {"application/json": {"schema": _schema(Error)}}
    return {
        "summary": operation.summary,
        "operationId": operation.name,
        "parameters": in_path + in_query,
        **({"requestBody": {"required": True, "content": content}} if content else {}),
        "responses": {"200": {"description": operation.summary, "content": response}}
        | {str(status): {"description": _REFUSALS[status], "content": error} for status in operation.refusals},
    }


def _schema(kind: Any) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"} if isinstance(kind, type) else kind
