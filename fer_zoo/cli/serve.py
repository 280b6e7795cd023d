"""`fer-zoo serve`: serves the page and the HTTP API on one port, or writes the page to a folder."""

from __future__ import annotations

import argparse
import functools
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path

from fer_zoo.cli.model_options import add_prior_option, fixed_prior
from fer_zoo.console import err, out
from fer_zoo.errors import UsageError
from fer_zoo.option_types import positive, positive_number
from fer_zoo.packages import require
from fer_zoo.serve.catalog import BUILT, built_models, chosen_models, default_model
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.web_page import build

_PACKAGES = ("starlette", "uvicorn", "httptools", "python_multipart", "prometheus_client", "msgspec")


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.build is not None:
        if options.prior is not None:
            raise UsageError("--prior is for the API; export models for the page with `python -m export --prior`")
        models = chosen_models(options.model) if options.model else built_models()
        size = build(options.build, models, models[0] if options.model else default_model(models))
        out.print(f"{options.build}: {size / 1e6:.1f} MB, ready for any web server", markup=False)
        return 0
    require(*_PACKAGES)
    _serve(options)
    return 0


def _serve(options: argparse.Namespace) -> None:
    from fer_zoo.serve import run
    from fer_zoo.serve.app import create_app, default_jobs

    limits = Limits(
        body_bytes=round(options.max_megabytes * 1e6),
        pixels=round(options.max_megapixels * 1e6),
        waiting=options.max_waiting,
        timeout=options.timeout,
    )
    app = functools.partial(
        create_app,
        options.model,
        jobs=options.jobs or max(1, default_jobs() // options.workers),
        limits=limits,
        allowed_hosts=allowed_hosts(options.host, options.allow_host),
        log_format=options.log_format,
        prior=fixed_prior(options.prior),
    )
    if options.workers > 1:
        # Faults of the models are reported once here, not by every worker.
        app()
    listening = run.listen(options.host, options.port)
    run.run(app, limits, listening, options.workers, lambda: _announce(options.host, listening.getsockname()[1]))


def _announce(host: str, port: int) -> None:
    if not _is_loopback(host):
        err.print(f"anybody who reaches {host} can use this server", markup=False)
    name = f"[{host}]" if ":" in host else host
    out.print(f"http://{name}:{port}/ (the API: /docs; Ctrl-C ends it)", markup=False)
    if sys.stdout is not None:
        sys.stdout.flush()


def allowed_hosts(host: str, named: Sequence[str]) -> tuple[str, ...]:
    """The names of this server that clients may use: all, if it is open to other machines and no names are given.

    Args:
        host: Address that the server listens on.
        named: The values of `--allow-host`.
    """
    if not named and not _is_loopback(host):
        return ("*",)
    from fer_zoo.serve.hosts import LOOPBACK

    return (*LOOPBACK, host, *named)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-zoo serve",
        description="Serve the page, which classifies faces inside the browser, and the HTTP API.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="MODEL",
        help="offer this model: NAME or NAME:onnx:int8 of the zoo, a .onnx file, or your own run (runs/NAME); "
        "repeat it for more models, the first one is the default of the page and the API (default: all of the zoo)",
    )
    parser.add_argument(
        "--build",
        type=Path,
        metavar="DIR",
        help=f"write the page and its models to this folder instead of serving (default models: {', '.join(BUILT)})",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="name of this server that clients and web pages may use, such as faces.example.com; repeat it for more "
        "names (default: any name if --host is open to other machines, else localhost)",
    )
    add_prior_option(parser)
    parser.add_argument(
        "--workers", type=positive, default=1, help="server processes, each with its models (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        help="pictures decoded and searched for faces at a time by each server process (default: the cores, at most 4, "
        "shared by the server processes)",
    )
    parser.add_argument("--log-format", choices=("text", "json"), help="log each request on stderr (default: no log)")
    limits = Limits()
    parser.add_argument(
        "--max-megabytes",
        type=positive_number,
        default=limits.body_bytes / 1e6,
        help="largest size of one request (default: %(default)g)",
    )
    parser.add_argument(
        "--max-megapixels",
        type=positive_number,
        default=limits.pixels / 1e6,
        help="largest picture (default: %(default)g)",
    )
    parser.add_argument(
        "--max-waiting",
        type=positive,
        default=limits.waiting,
        help="most requests that wait for their response; further ones get 503 (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=positive_number,
        default=limits.timeout,
        metavar="SECONDS",
        help="most time for receiving a header, for a body, and for computing a response (default: %(default)g)",
    )
    return parser


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return value
