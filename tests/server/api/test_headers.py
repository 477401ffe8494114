"""What browsers are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from sureflow_server.api import body_limit
from sureflow_server.api.headers import DATA_POLICY, PAGE_POLICY, SecurityHeaders
from sureflow_server.app import create_app
from sureflow_server.settings import Settings
from tests.server.running import Server

ORIGIN = "https://lab.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


def ask(app: ASGIApp, method: str, path: str, **options: Any) -> httpx.Response:
    """Ask an application that has no worker."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/llms.txt", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/v1/generate", 405),
        ("POST", "/v1/generate", 415),
        ("GET", "/" + "x" * 9000, 414),
        ("POST", "/v1/generate/", 415),
    ],
)
def test_every_answer_has_them(server: Server, method: str, path: str, status: int) -> None:
    response = server.client.request(method, path)
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert "server" not in response.headers
    assert "access-control-allow-origin" not in response.headers
    if path != "/docs":
        assert response.headers["content-security-policy"] == DATA_POLICY


def test_an_unexpected_failure_has_them_too() -> None:
    app = create_app(Settings())
    app.add_route("/broken", lambda request: 1 // 0)
    response = ask(app, "GET", "/broken")
    assert response.status_code == 500
    assert response.headers["content-security-policy"] == DATA_POLICY


def test_a_body_must_arrive_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "BODY_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = {"Content-Type": "application/json"}
    app = create_app(Settings())
    response = ask(app, "POST", "/v1/generate", content=slow(), headers=headers)
    assert response.status_code == 408
    assert response.json()["type"] == "urn:sureflow:problem:body-too-slow"


@pytest.mark.parametrize(
    ("headers", "policy"),
    [
        ([(b"content-type", b"text/html; charset=utf-8")], PAGE_POLICY),
        ([(b"content-type", b"text/javascript")], DATA_POLICY),
        ([], DATA_POLICY),
        ([(b"content-security-policy", b"own")], "own"),
    ],
)
def test_pages_may_load_what_is_theirs(headers: list[tuple[bytes, bytes]], policy: str) -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    response = ask(SecurityHeaders(page), "GET", "/")
    assert response.headers.get_list("content-security-policy") == [policy]


def test_no_origin_is_allowed_by_default(server: Server) -> None:
    assert server.client.options("/v1/generate", headers=PREFLIGHT).status_code == 405


def test_an_allowed_origin_may_send_its_key() -> None:
    app = create_app(Settings(allowed_origins=(ORIGIN,)))
    response = ask(app, "OPTIONS", "/v1/generate", headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in response.headers["access-control-allow-headers"].lower()
    response = ask(app, "POST", "/v1/generate", json={"n": 0}, headers={"Origin": ORIGIN})
    assert response.status_code == 422
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "x-request-id" in response.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{ORIGIN}.evil", "https://sub.lab.example"]
)
def test_a_stranger_may_not(origin: str) -> None:
    app = create_app(Settings(allowed_origins=(ORIGIN,)))
    refused = ask(app, "OPTIONS", "/v1/generate", headers={**PREFLIGHT, "Origin": origin})
    plain = ask(app, "GET", "/health/live", headers={"Origin": origin})
    for response in (refused, plain):
        assert "access-control-allow-origin" not in response.headers
        assert "access-control-allow-credentials" not in response.headers
