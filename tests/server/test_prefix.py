"""A server below a prefix, by proxies that take it off and by those that do not."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from sureflow_server.app import create_app
from sureflow_server.settings import Settings

PREFIX = "/lab/sureflow"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(Settings(root_path=f"{PREFIX}/"))


def ask(app: FastAPI, path: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    return asyncio.run(send())


@pytest.mark.parametrize("root", ["", PREFIX])
def test_paths_are_found_with_it_and_without(app: FastAPI, root: str) -> None:
    assert ask(app, f"{root}/health/live").status_code == 200
    assert ask(app, f"{root}/docs/swagger-ui.css").status_code == 200
    document = ask(app, f"{root}/openapi.json").json()
    assert document["servers"] == [{"url": PREFIX}]
    assert "/v1/generate" in document["paths"]
    missing = ask(app, f"{root}/nowhere")
    assert missing.status_code == 404
    assert missing.json()["instance"] == "/nowhere"


def test_what_only_looks_like_it_is_not(app: FastAPI) -> None:
    assert ask(app, f"{PREFIX}x/health/live").status_code == 404


@pytest.mark.parametrize("root", ["sureflow", "/a b", "//a", "/v1", "/docs/lab", "/a?b", '/"x'])
def test_what_is_no_prefix_is_refused(root: str) -> None:
    with pytest.raises(ValidationError, match="root_path"):
        Settings(root_path=root)
