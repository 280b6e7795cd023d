"""Which names of this server, and which web pages, requests may come with."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from fer_zoo.serve.responses import refusal

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class HostCheck:
    """ASGI middleware that refuses the requests of foreign web pages.

    A page elsewhere can make a browser send them, and read the answers where its own name resolves to this machine (DNS
    rebinding). `Host` tells the name, and `Origin` the page.

    Args:
        app: What answers the others.
        allowed: Names or addresses, without a port; `*` allows all.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = {host.lower() for host in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            hosts, origin = headers.getlist("host"), headers.get("origin")
            if len(hosts) != 1 and scope["http_version"] != "1.0":
                answer = refusal(400, "the header needs exactly one Host")
            elif hosts and not self._allows(f"//{hosts[0]}"):
                answer = refusal(403, "this server does not answer under that Host; `--allow-host` allows one")
            elif origin is not None and not self._allows(origin):
                answer = refusal(403, "web pages of other hosts may not use this server; `--allow-host` allows one")
        await answer(scope, receive, send)

    def _allows(self, address: str) -> bool:
        if "*" in self._allowed:
            return True
        try:
            return (urlsplit(address).hostname or "") in self._allowed
        except ValueError:
            return False
