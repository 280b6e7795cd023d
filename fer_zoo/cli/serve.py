"""`fer-zoo serve`: the page and the HTTP API on one port, or the page written to a folder."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import sys
from pathlib import Path

from fer_zoo.console import err, out
from fer_zoo.cpu import cores
from fer_zoo.serve.catalog import BUILT, ServedModel, built_models, chosen_models, default_model, served_models
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.page import build
from fer_zoo.serve.server import Server, until_signal
from fer_zoo.serve.service import Service


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.model:
        models = chosen_models(options.model)
        default = models[0]
    else:
        models = served_models() if options.build is None else built_models()
        default = default_model(models)
    if options.build is not None:
        size = build(options.build, models, default)
        out.print(f"{options.build}: {size / 1e6:.1f} MB, ready for any web server", markup=False)
        return 0
    limits = Limits(
        body_bytes=round(options.max_megabytes * 1e6),
        pixels=round(options.max_megapixels * 1e6),
        waiting=options.max_waiting,
        timeout=options.timeout,
    )
    asyncio.run(_serve(options.host, options.port, models, default, options.threads, limits))
    return 0


async def _serve(
    host: str, port: int, models: list[ServedModel], default: ServedModel, threads: int, limits: Limits
) -> None:
    service = Service(models, default, threads, limits)
    await service.load(default)
    server = Server(service, limits)
    listening, port = await server.start(host, port)
    if not _is_loopback(host):
        err.print(f"anybody who reaches {host} can use this server", markup=False)
    name = f"[{host}]" if ":" in host else host
    out.print(f"http://{name}:{port}/ (the API: /docs; Ctrl-C ends it)", markup=False)
    sys.stdout.flush()
    await until_signal()
    await server.stop(listening)


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
        metavar="MODEL",
        help="offer this model: NAME or NAME:onnx:int8 of the zoo, a .onnx file, or your own run (runs/NAME); "
        "give it again for more, the first one answers where none is chosen (default: all of the zoo)",
    )
    parser.add_argument(
        "--build",
        type=Path,
        metavar="DIR",
        help=f"write the page and its models to this folder instead of serving (default models: {', '.join(BUILT)})",
    )
    parser.add_argument(
        "--threads",
        type=_positive_int,
        default=min(4, cores()),
        help="pictures decoded and searched for faces at a time (default: %(default)s)",
    )
    limits = Limits()
    parser.add_argument(
        "--max-megabytes",
        type=_positive,
        default=limits.body_bytes / 1e6,
        help="of one request (default: %(default)g)",
    )
    parser.add_argument(
        "--max-megapixels", type=_positive, default=limits.pixels / 1e6, help="of one picture (default: %(default)g)"
    )
    parser.add_argument(
        "--max-waiting",
        type=_positive_int,
        default=limits.waiting,
        help="pictures accepted and not answered; 503 beyond (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=_positive,
        default=limits.timeout,
        metavar="SECONDS",
        help="for a header, a body, an answer (default: %(default)g)",
    )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return value
