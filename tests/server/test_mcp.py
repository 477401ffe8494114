"""What a server does with ``/mcp`` before any tool is called, and where there are no tools."""

from __future__ import annotations

import asyncio
import json
import logging
from importlib.metadata import EntryPoint
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from sureflow_server import mcp
from sureflow_server.app import create_app
from sureflow_server.keys.key import SCOPES
from sureflow_server.settings import Settings
from tests.server.asking import refusal
from tests.server.conftest import Guarded
from tests.server.running import Server

HOST = "http://localhost"
ACCEPT = {"Accept": "application/json, text/event-stream"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


class Fake:
    """Answers with the body that it got; counts how often it is made."""

    made = 0

    def __init__(self, app: Any) -> None:
        type(self).made += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await JSONResponse({"got": body.decode()})(scope, receive, send)


def installed(monkeypatch: pytest.MonkeyPatch, *values: str) -> FastAPI:
    """An application, where these are installed."""
    found = [EntryPoint("tools", value, mcp.GROUP) for value in values]
    monkeypatch.setattr(mcp, "entry_points", lambda group: found)
    app = create_app(Settings(max_body_bytes=150))
    assert mcp.mount(app) is bool(values)
    return app


def ask(app: FastAPI, method: str = "POST", count: int = 1, **sent: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            asked = [client.request(method, mcp.PATH, **sent) for _ in range(count)]
            return (await asyncio.gather(*asked))[-1]

    return asyncio.run(send())


def test_tools_are_loaded_with_the_first_request_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "made", 0)
    app = installed(monkeypatch, f"{__name__}:Fake")
    assert Fake.made == 0
    assert json.loads(ask(app, count=3, json=PING).json()["got"]) == PING
    assert Fake.made == 1


def test_where_none_are_installed_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sureflow_server"):
        app = installed(monkeypatch)
    assert len(caplog.records) == 1
    assert "pip install 'mcp>=" in caplog.text
    refusal(ask(app, json=PING), 404, "not-found")


def test_nor_without_what_speaks_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "PACKAGE", "no_such_package")
    monkeypatch.setattr(mcp, "entry_points", lambda group: [EntryPoint("tools", "x:Y", group)])
    assert not mcp.mount(create_app(Settings()))


def test_broken_ones_are_left_out_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = installed(monkeypatch, "absent_tools:Door")
    for _ in range(2):
        refusal(ask(app, json=PING), 404, "not-found")
    assert "absent_tools" in caplog.text


def test_they_can_be_switched_off() -> None:
    assert Settings().mcp
    assert not Settings(mcp=False).mcp


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_no_sessions_to_listen_to(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """A stream that the server holds open would keep it from ending."""
    response = ask(installed(monkeypatch, f"{__name__}:Fake"), method)
    refusal(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        ({"content": b"{"}, 400, "malformed-body"),
        ({"content": b""}, 400, "malformed-body"),
        ({"content": b"[" * 60 + b"]" * 60}, 400, "malformed-body"),
        ({"content": b"{}"}, 422, "validation"),
        (
            {"content": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\ud800"}}'},
            400,
            "malformed-body",
        ),
        ({"content": b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]'}, 422, "validation"),
        ({"content": b'{"jsonrpc":"2.0","id":[1],"method":"ping"}'}, 422, "validation"),
        ({"content": b'{"jsonrpc":"2.0","id":' + b"9" * 90 + b',"method":"ping"}'}, 200, ""),
        ({"content": b" " * 200 + b"{}"}, 413, "payload-too-large"),
        ({"content": b"{}", "type": "text/plain"}, 415, "unsupported-media-type"),
        ({"content": b"{}", "type": ""}, 415, "unsupported-media-type"),
    ],
)
def test_bodies_are_looked_at_as_elsewhere(
    monkeypatch: pytest.MonkeyPatch, sent: dict[str, Any], status: int, kind: str
) -> None:
    given = sent.get("type", "application/json")
    headers = {"Content-Type": given} if given else {}
    app = installed(monkeypatch, f"{__name__}:Fake")
    response = ask(app, content=sent["content"], headers=headers)
    if kind:
        refusal(response, status, kind)
    else:
        assert response.status_code == status


def test_it_is_in_the_log_as_any_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = installed(monkeypatch, f"{__name__}:Fake")
    with caplog.at_level(logging.INFO, "sureflow_server"):
        answer = ask(app, json=PING)
    assert "x-request-id" in answer.headers
    assert "POST /mcp 200" in caplog.text


@pytest.mark.parametrize("scope", SCOPES)
def test_any_key_may_come_in(guarded: Guarded, scope: str) -> None:
    """What it may do there is for each tool to find out."""
    answer = guarded.request("POST", "/mcp", guarded.tokens[scope], json=PING, headers=ACCEPT)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", [None, "expired", "revoked"])
def test_without_a_good_key_nobody_comes_in(guarded: Guarded, name: str | None) -> None:
    token = None if name is None else guarded.tokens[name]
    broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    answer = guarded.request("POST", "/mcp", token, **broken)
    refusal(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_pages_of_other_origins_are_refused(server: Server, headers: dict[str, str]) -> None:
    answer = server.client.post("/mcp", json=PING, headers={**ACCEPT, **headers})
    refusal(answer, 403, "foreign-origin")


def test_other_names_are_refused(server: Server) -> None:
    headers = {**ACCEPT, "Host": "evil.example"}
    refusal(server.client.post("/mcp", json=PING, headers=headers), 403, "foreign-host")
