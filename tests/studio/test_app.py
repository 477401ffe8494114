"""The studio as an application."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from sureflow_studio import app


def test_there_is_a_bound_on_open_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_PAGES", 0)
    studio = app.Studio("http://127.0.0.1:8000")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(studio)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.get("/")

    assert asyncio.run(ask()).status_code == 503
    assert [studio.owns(path) for path in ("/", "/_nicegui/x", "/v1/models", "/docs")] == [
        True,
        True,
        False,
        False,
    ]


def test_files_that_there_are_not_open_no_page() -> None:
    studio = app.Studio("http://127.0.0.1:8000")

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(studio)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return [(await client.get(f"/_nicegui/{number}")).status_code for number in range(20)]

    before = len(app.Client.instances)
    assert asyncio.run(ask()) == [404] * 20
    assert len(app.Client.instances) == before
