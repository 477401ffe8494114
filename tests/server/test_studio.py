"""A studio beside the API, whichever it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from sureflow_server import studio
from sureflow_server.app import create_app
from sureflow_server.listener import STUDIO
from sureflow_server.settings import Settings
from tests.server.running import Server

ADDRESS = "http://127.0.0.1:8000"


class Fake:
    """Answers below ``/page`` with the address that it was given."""

    happened: list[str]

    def __init__(self, address: str) -> None:
        self.address = address
        self.happened = []

    def owns(self, path: str) -> bool:
        return path.startswith("/page")

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        self.happened.append("begun")
        yield
        self.happened.append("ended")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(self.address)(scope, receive, send)


def installed(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    found = [EntryPoint("studio", value, STUDIO) for value in values]
    monkeypatch.setattr(studio, "entry_points", lambda group: found)


def ask(app: FastAPI, method: str, path: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path)

    return asyncio.run(send())


def test_it_gets_its_own_paths_and_no_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    installed(monkeypatch, f"{__name__}:Fake")
    app = create_app(Settings())
    assert studio.mount(app, ADDRESS)
    with caplog.at_level(logging.INFO, "sureflow_server"):
        answer = ask(app, "GET", "/page/inner")
    assert answer.text == ADDRESS
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-request-id" in answer.headers
    assert caplog.records == []
    assert ask(app, "GET", "/").status_code == 404
    assert ask(app, "PUT", "/v1/generate").status_code == 405
    assert ask(app, "GET", "/health/live").status_code == 200
    assert "/page" not in ask(app, "GET", "/openapi.json").json()["paths"]


def test_it_runs_while_the_application_does(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Fake] = []
    monkeypatch.setattr(Fake, "__init__", lambda self, address: _keep(made, self, address))
    installed(monkeypatch, f"{__name__}:Fake")
    app = FastAPI()
    studio.mount(app, ADDRESS)

    async def run() -> list[str]:
        async with app.router.lifespan_context(app):
            return [*made[0].happened]

    assert asyncio.run(run()) == ["begun"]
    assert made[0].happened == ["begun", "ended"]


def _keep(made: list[Fake], fake: Any, address: str) -> None:
    fake.address, fake.happened = address, []
    made.append(fake)


def test_none_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    assert not studio.mount(create_app(Settings()), ADDRESS)


def test_a_broken_one_is_left_out_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    installed(monkeypatch, "absent_studio:Studio")
    assert not studio.mount(create_app(Settings()), ADDRESS)
    assert "absent_studio" in caplog.text


def test_it_can_be_switched_off() -> None:
    assert Settings().studio
    assert not Settings(studio=False).studio


def test_without_it_there_is_nothing_at_the_root(server: Server) -> None:
    answer = server.client.get("/")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
