"""Checks which host name a request uses for this server, and which web page sent it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from fer_zoo.serve.responses import refusal

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class HostCheck:
    """ASGI middleware that refuses the requests of foreign web pages.

    A page of another server can make a browser send requests here, and read the responses if its own name resolves to
    this machine (DNS rebinding). The header `Host` contains the name that the request uses, `Origin` the page.

    Args:
        app: The app that handles the allowed requests.
        allowed: Allowed names or addresses, without a port; `*` allows all.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = {host.lower() for host in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler: ASGIApp = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            hosts, origin = headers.getlist("host"), headers.get("origin")
            if len(hosts) != 1 and scope["http_version"] != "1.0":
                handler = refusal(400, "the header needs exactly one Host")
            elif hosts and not self._allows(f"//{hosts[0]}"):
                handler = refusal(403, "this server does not answer under that Host; `--allow-host` allows one")
            elif origin is not None and not self._allows(origin):
                handler = refusal(403, "web pages of other hosts may not use this server; `--allow-host` allows one")
        await handler(scope, receive, send)

    def _allows(self, address: str) -> bool:
        if "*" in self._allowed:
            return True
        try:
            return (urlsplit(address).hostname or "") in self._allowed
        except ValueError:
            return False
