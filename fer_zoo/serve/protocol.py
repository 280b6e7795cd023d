"""HTTP/1.1 (RFC 9112) on asyncio streams, as much of it as the server needs, strictly."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

HEAD_BYTES = 32 << 10
_CHUNK = 64 << 10

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# `wasm-unsafe-eval` lets the page compile WebAssembly and nothing else; connect-src keeps photos on the machine.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class HTTPError(Exception):
    """Answered with `status` and one sentence."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True)
class Request:
    """One request without its body; header names are in lower case.

    Attributes:
        length: Bytes of the body that follow.
        keep: Whether the client takes another response on this connection.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    length: int
    keep: bool


@dataclass(frozen=True)
class Response:
    """`body` is content, or a file that is sent piece by piece."""

    status: int
    body: bytes | Path
    type: str
    headers: dict[str, str] = field(default_factory=dict)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False).encode() + b"\n"
    return Response(status, body, "application/json", {"Cache-Control": "no-store"} | (headers or {}))


def error_response(error: HTTPError) -> Response:
    return json_response({"error": str(error)}, error.status, error.headers)


async def read_head(reader: asyncio.StreamReader, idle: float, timeout: float) -> Request | None:
    """The next request of a connection, `None` when the client has no more.

    Raises:
        HTTPError: It is not HTTP, too long, or too slow.
    """
    try:
        async with asyncio.timeout(idle):
            first = await reader.read(1)
    except TimeoutError:
        return None
    if not first:
        return None
    try:
        async with asyncio.timeout(timeout):
            head = first + await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise HTTPError(408, f"the header took longer than {timeout:g} seconds") from None
    except asyncio.LimitOverrunError:
        raise HTTPError(431, f"the header is longer than {HEAD_BYTES} bytes") from None
    except asyncio.IncompleteReadError:
        return None
    return parse_head(head)


def parse_head(head: bytes) -> Request:
    """From the request line to the empty line.

    Raises:
        HTTPError: It is not HTTP/1.0 or 1.1, or its body cannot be delimited safely.
    """
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not parts[2].startswith("HTTP/"):
        raise HTTPError(400, "this is not an HTTP request")
    method, target, version = parts
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise HTTPError(505, f"{version} is not spoken here, HTTP/1.1 is")
    headers: dict[str, str] = {}
    for text in fields:
        name, colon, value = text.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise HTTPError(400, "a header field is malformed")
        name, value = name.lower(), value.strip(" \t")
        if name in ("content-length", "host", "transfer-encoding") and name in headers:
            raise HTTPError(400, f"the header has {name} twice")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if version == "HTTP/1.1" and "host" not in headers:
        raise HTTPError(400, "the header has no Host")
    path, query = _split(target)
    keep = version == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
    return Request(method, path, query, headers, _length(headers), keep)


def _split(target: str) -> tuple[str, dict[str, str]]:
    try:
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise HTTPError(400, f"the address is malformed: {error}") from error
    if not parts.path.startswith("/"):
        raise HTTPError(400, "the address must begin with a slash")
    return unquote(parts.path), dict(pairs)


def _length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise HTTPError(411, "send the body with a Content-Length, not in chunks")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 18:
        raise HTTPError(400, "Content-Length is not a number of bytes")
    return int(length)


async def read_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request, timeout: float
) -> bytes:
    """The body, after telling a client that asks whether to go on.

    Raises:
        HTTPError: It is too slow.
        asyncio.IncompleteReadError: The client went away.
    """
    if request.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    parts: list[bytes] = []
    missing = request.length
    try:
        async with asyncio.timeout(timeout):
            while missing:
                part = await reader.read(min(missing, _CHUNK))
                if not part:
                    raise asyncio.IncompleteReadError(b"", missing)
                parts.append(part)
                missing -= len(part)
    except TimeoutError:
        raise HTTPError(408, f"the body took longer than {timeout:g} seconds; {missing} bytes are missing") from None
    return b"".join(parts)


async def send(writer: asyncio.StreamWriter, response: Response, keep: bool, head_only: bool, timeout: float) -> None:
    """Write a response.

    Raises:
        TimeoutError: The client does not take it.
    """
    body = response.body
    length = body.stat().st_size if isinstance(body, Path) else len(body)
    headers = {
        "Content-Type": response.type,
        "Content-Length": str(length),
        "Connection": "keep-alive" if keep else "close",
        **SECURITY_HEADERS,
        **response.headers,
    }
    if response.status == 304:
        del headers["Content-Length"]
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if not head_only:
        await _send_body(writer, body, timeout)
    async with asyncio.timeout(timeout):
        await writer.drain()


async def _send_body(writer: asyncio.StreamWriter, body: bytes | Path, timeout: float) -> None:
    if isinstance(body, bytes):
        writer.write(body)
        return
    with body.open("rb") as file:
        while part := file.read(_CHUNK):
            writer.write(part)
            async with asyncio.timeout(timeout):
                await writer.drain()


async def discard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Close our half and throw away what still arrives: a reset would take the response back from its reader."""
    try:
        if writer.can_write_eof():
            writer.write_eof()
        async with asyncio.timeout(seconds):
            while await reader.read(_CHUNK):
                pass
    except (TimeoutError, OSError):
        return
