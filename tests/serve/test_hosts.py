"""Requests of foreign web pages are refused, whatever name of this machine they come with."""

from __future__ import annotations

import pytest
from running import Serving
from test_server import ask

from fer_zoo.cli.serve import allowed_hosts
from fer_zoo.serve.hosts import LOOPBACK, HostCheck


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "localhost@evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_only_this_machines_own_names_are_answered(serving: Serving, headers: dict[str, str], status: int) -> None:
    found, answer, fields = ask(serving, "GET", "/healthz", **headers)
    assert found == status
    assert status == 200 or answer["error"].endswith("`--allow-host` allows one")
    assert "date" in fields
    assert "content-security-policy" in fields


def test_other_names_are_allowed_by_name_or_all() -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    for allowed, expected in ((["faces.example"], [True, False]), (["*"], [True, True])):
        check = HostCheck(app, allowed)
        assert [check._allows(address) for address in ("//Faces.example:80", "https://evil.example")] == expected


def test_any_name_is_allowed_only_where_other_machines_are_and_none_is_given() -> None:
    assert set(allowed_hosts("127.0.0.1", [])) == set(LOOPBACK)
    assert allowed_hosts("0.0.0.0", []) == ("*",)
    assert set(allowed_hosts("0.0.0.0", ["faces.example"])) == {*LOOPBACK, "0.0.0.0", "faces.example"}
