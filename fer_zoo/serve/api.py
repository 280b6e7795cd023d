"""The operations of the API: one table, from which both the routes and the OpenAPI description are made."""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from fer_zoo import __version__
from fer_zoo.serve import kserve
from fer_zoo.serve.catalog import Catalog
from fer_zoo.serve.kserve import KServe
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.operations import Operation
from fer_zoo.serve.predict_endpoint import FIELD, Predict
from fer_zoo.serve.responses import APIResponse, Health, Prediction
from fer_zoo.serve.service import Service
from fer_zoo.serve.uploads import ServerLoad, UploadLimits

_PICTURE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": [FIELD], "properties": {FIELD: _PICTURE}}
_UPLOAD_REFUSALS = (400, 408, 411, 413, 415, 503)


def operations_of(service: Service, limits: Limits, load: ServerLoad, listed: Catalog) -> list[Operation]:
    """All operations: our own and those of the V2 protocol.

    Args:
        service: Classifies the pictures.
        limits: Limits for bodies, faces and time.
        load: Counts the waiting requests and the bytes of their bodies.
        listed: The models.
    """
    pictures, protocol = Predict(service, limits), KServe(service, limits)
    names = [model.name for model in service.models]

    async def models(request: Request) -> Response:
        return APIResponse(listed)

    async def health(request: Request) -> Response:
        return APIResponse(Health("ok", __version__, load.waiting))

    upload = Middleware(UploadLimits, limits=limits, load=load)
    tensors = Middleware(UploadLimits, limits=limits, load=load, body_bytes=kserve.largest_body(limits))
    return [
        Operation(
            "/v1/predict",
            pictures.predict,
            f"Find the faces of a picture of at most {limits.body_bytes} bytes and {limits.pixels} pixels, and the "
            "expression on each; the picture is not stored",
            Prediction,
            method="POST",
            body={"image/*": _PICTURE, "application/octet-stream": _PICTURE, "multipart/form-data": _FORM},
            query={
                "model": {"type": "string", "enum": names, "description": "A name from /v1/models"},
                "cropped": {
                    "type": "boolean",
                    "default": False,
                    "description": "The picture shows one face and nothing else: it is not searched for faces",
                },
            },
            refusals=_UPLOAD_REFUSALS,
            middleware=(upload,),
        ),
        Operation("/v1/models", models, "The models with their size, accuracy and labels", Catalog),
        Operation("/healthz", health, "Whether the server responds", Health),
        Operation("/v2", protocol.server_metadata, "Server metadata of the V2 protocol", kserve.ServerMetadata),
        Operation("/v2/health/live", protocol.live, "Whether the server runs", kserve.Live),
        Operation("/v2/health/ready", protocol.ready, "Whether the server is ready for requests", kserve.Ready),
        Operation(
            "/v2/models/{model}",
            protocol.model_metadata,
            "Input and output of a model",
            kserve.ModelMetadata,
            refusals=(404,),
            other_paths=(kserve.VERSION_PATH,),
        ),
        Operation(
            "/v2/models/{model}/ready",
            protocol.model_ready,
            "Whether a model is ready for requests",
            kserve.Ready,
            refusals=(404,),
            other_paths=(f"{kserve.VERSION_PATH}/ready",),
        ),
        Operation(
            "/v2/models/{model}/infer",
            protocol.infer,
            f"Classify at most {limits.batch} faces of 48x48 pixels",
            kserve.InferResponse,
            method="POST",
            body={"application/json": kserve.InferRequest},
            refusals=(404, *_UPLOAD_REFUSALS),
            middleware=(tensors,),
            other_paths=(f"{kserve.VERSION_PATH}/infer",),
        ),
    ]
