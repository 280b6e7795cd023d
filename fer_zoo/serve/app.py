"""The server as an ASGI app, for `fer-zoo serve`, for other servers and to mount in other apps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from fer_zoo.cpu import cores
from fer_zoo.inference.prior import Prior
from fer_zoo.serve.access_log import AccessLog, LogFormat
from fer_zoo.serve.api import operations_of
from fer_zoo.serve.catalog import catalog, chosen_models, default_model, served_models
from fer_zoo.serve.error_responses import ErrorResponses
from fer_zoo.serve.hosts import LOOPBACK, HostCheck
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.openapi import openapi
from fer_zoo.serve.page_endpoint import PageFiles
from fer_zoo.serve.prometheus import CONTENT_TYPE as METRICS_CONTENT_TYPE
from fer_zoo.serve.prometheus import Metrics
from fer_zoo.serve.request_records import RequestRecord, RequestRecorder
from fer_zoo.serve.responses import APIResponse, refuse
from fer_zoo.serve.security import SecurityHeaders
from fer_zoo.serve.service import Service
from fer_zoo.serve.uploads import ServerLoad
from fer_zoo.serve.web_page import page_files

_DOCS = Path(__file__).with_name("docs.html")


def default_jobs() -> int:
    return min(4, cores())


def create_app(
    models: Sequence[str] = (),
    *,
    jobs: int | None = None,
    limits: Limits | None = None,
    allowed_hosts: Sequence[str] = LOOPBACK,
    log_format: LogFormat | None = None,
    prior: Prior | None = None,
) -> Starlette:
    """The page and the API as an ASGI app; one process, which starts others that decode pictures.

    It runs under any ASGI server, and inside another app. Only a server can limit slow headers, clients that do not
    read, and the number of connections: `fer-zoo serve` does, other servers according to their own configuration.

    Args:
        models: Models to offer, as `fer-zoo serve --model` takes them; the first one is the default of a request.
            Without any, all models of the zoo are offered.
        jobs: Pictures decoded at the same time, each in a process of its own; `None` is the number of cores, at most 4.
        limits: Limits for sizes, times and load; `None` is `Limits()`.
        allowed_hosts: Names, without a port, that requests and web pages may use for this server; `*` allows all.
        log_format: Log each request on stderr as `text` or `json`.
        prior: How often each class occurs among the faces, as `load_classifier` takes it, except `estimate`. It applies
            to the API; the page, which classifies in the browser, does not adapt its predictions.

    Raises:
        UsageError: There is no such model, or the prior does not fit it.
        FerZooError: The default model is damaged.

    Examples:
        >>> from fer_zoo.serve.app import create_app
        >>> app = create_app(["fernet_tiny:onnx:int8"], allowed_hosts=["faces.example.com"])
    """
    chosen = chosen_models(models) if models else served_models()
    default = chosen[0] if models else default_model(chosen)
    limits = limits or Limits()
    metrics = Metrics()
    service = Service(chosen, default, jobs or default_jobs(), limits, metrics, prior)
    return build_app(service, limits, metrics, allowed_hosts, log_format)


def build_app(
    service: Service,
    limits: Limits,
    metrics: Metrics,
    allowed_hosts: Sequence[str] = LOOPBACK,
    log_format: LogFormat | None = None,
) -> Starlette:
    """The app around a service."""
    load = ServerLoad(metrics.waiting)
    listed = catalog(service.models, service.default)
    operations = operations_of(service, limits, load, listed)

    async def description(request: Request) -> Response:
        return APIResponse(openapi(operations, request.scope.get("root_path", "")))

    async def prometheus(request: Request) -> Response:
        return Response(metrics.text(), media_type=METRICS_CONTENT_TYPE)

    async def models_file(request: Request) -> Response:
        return APIResponse(listed, headers={"Cache-Control": "no-cache"})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        await service.start()
        try:
            yield {"metrics": metrics}
        finally:
            service.close()

    observers: list[Callable[[RequestRecord], None]] = [metrics.observe]
    if log_format is not None:
        observers.append(AccessLog(log_format))
    app = Starlette(
        routes=[route for operation in operations for route in operation.routes()],
        middleware=[
            Middleware(RequestRecorder, observers=observers),
            Middleware(SecurityHeaders),
            Middleware(ErrorResponses),
            Middleware(HostCheck, allowed=allowed_hosts),
        ],
        exception_handlers={HTTPException: refuse},
        lifespan=lifespan,
    )
    for path, endpoint in (("/openapi.json", description), ("/metrics", prometheus), ("/models.json", models_file)):
        app.add_route(path, endpoint)
    files = {
        address: file for address, file in page_files(service.models, service.default).items() if isinstance(file, Path)
    }
    app.router.default = PageFiles(files | {"": files["index.html"], "docs": _DOCS})
    app.router.redirect_slashes = False
    return app
