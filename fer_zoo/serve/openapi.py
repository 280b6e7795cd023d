"""The description of the API in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from fer_zoo import __version__
from fer_zoo.serve.catalog import ServedModel
from fer_zoo.serve.limits import Limits

_ERRORS = {
    "400": "The request is malformed, the model is not known, or the picture is empty, damaged or no picture",
    "408": "The request came too slowly",
    "411": "The body has no Content-Length",
    "413": "The body has too many bytes, or the picture too many pixels",
    "415": "The Content-Type is not that of a picture",
    "503": "Too many pictures are waiting; `Retry-After` says when to come back",
}


def openapi(models: list[ServedModel], limits: Limits) -> dict[str, Any]:
    """The document that `/openapi.json` answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fer_zoo",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Facial expression recognition. An expression is not an emotion: the models name what a "
            "face looks like, not what somebody feels. The EU AI Act bans inferring emotions at work and in education.",
        },
        "paths": {
            "/v1/predict": {"post": _predict(models, limits)},
            "/v1/models": {"get": _get("The models and what was measured of them", "Models")},
            "/healthz": {"get": _get("Whether the server answers", "Health")},
        },
        "components": {"schemas": _schemas(models)},
    }


def _predict(models: list[ServedModel], limits: Limits) -> dict[str, Any]:
    picture = {"type": "string", "format": "binary"}
    form = {"type": "object", "required": ["image"], "properties": {"image": picture}, "additionalProperties": False}
    return {
        "summary": "Find the faces of a picture and the expression on each",
        "description": f"At most {limits.body_bytes} bytes and {limits.pixels} pixels; the picture is not stored.",
        "operationId": "predict",
        "parameters": [
            {
                "name": "model",
                "in": "query",
                "schema": {"type": "string", "enum": [model.name for model in models]},
                "description": "A name from /v1/models",
            },
            {
                "name": "cropped",
                "in": "query",
                "schema": {"type": "boolean", "default": False},
                "description": "The picture is one face already: no face is searched",
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "image/*": {"schema": picture},
                "application/octet-stream": {"schema": picture},
                "multipart/form-data": {"schema": form},
            },
        },
        "responses": {"200": _response("The faces, the one that is most surely a face first", "Prediction")}
        | {status: _response(text, "Error") for status, text in _ERRORS.items()},
    }


def _get(summary: str, schema: str) -> dict[str, Any]:
    return {"summary": summary, "operationId": schema.lower(), "responses": {"200": _response(summary, schema)}}


def _response(text: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content}


def _schemas(models: list[ServedModel]) -> dict[str, Any]:
    labels = list(dict.fromkeys(label for model in models for label in model.artifact.output["labels"]))
    number, whole, text = {"type": "number"}, {"type": "integer"}, {"type": "string"}
    four, two = ({"type": "array", "items": number, "minItems": n, "maxItems": n} for n in (4, 2))
    share = {"type": "number", "minimum": 0, "maximum": 1}
    face = {
        "box": four | {"description": "x, y, width, height in pixels of the upright picture; not in a cropped one"},
        "landmarks": {
            "type": "array",
            "items": two,
            "description": "right eye, left eye, nose, right and left corner of the mouth; not in a cropped one",
        },
        "score": share | {"description": "How surely this is a face; not in a cropped one"},
        "label": {"type": "string", "enum": labels},
        "probabilities": {"type": "object", "properties": {label: share for label in labels}},
    }
    model = {
        "name": text,
        "model": text,
        "precision": text,
        "task": text,
        "file": text,
        "bytes": whole,
        "sha256": text,
        "params": whole,
        "macs": whole,
        "accuracy": {"type": ["number", "null"]},
        "accuracy_interval": {"type": ["array", "null"], "items": number},
        "test_images": {"type": ["integer", "null"]},
        "labels": {"type": "array", "items": text},
        "labels_indonesian": {"type": "array", "items": text},
        "license": text,
    }
    return {
        "Prediction": _object(
            {
                "model": text,
                "width": whole,
                "height": whole,
                "faces": {"type": "array", "items": _object(face, ["label", "probabilities"])},
            }
        ),
        "Models": _object({"default": text, "models": {"type": "array", "items": _object(model)}}),
        "Health": _object({"status": text, "version": text, "waiting": whole}),
        "Error": _object({"error": {"type": "string", "description": "One sentence"}}),
    }


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or list(properties)}
