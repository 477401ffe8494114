"""A server below a path of another one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from sureflow_client import Client
from sureflow_server.app import create_app
from sureflow_server.settings import Settings
from tests.server.running import Server

PREFIX = "/sureflow"
ASYNC = {"Prefer": "respond-async"}
SMALL: dict[str, Any] = {"n": 1, "seed": 7, "sampler": {"steps": 2}}


class Proxy(BaseHTTPRequestHandler):
    """Passes what comes below the prefix on, with or without it; all else is not found."""

    upstream = ""
    strips = True
    adds: ClassVar[dict[str, str]] = {}

    def _pass(self) -> None:
        if not f"{self.path}/".startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        path = self.path.removeprefix(PREFIX) or "/" if self.strips else self.path
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with closing(HTTPConnection(self.upstream)) as connection:
            connection.request(self.command, path, body, dict(self.headers) | self.adds)
            answer = connection.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _pass  # noqa: N815 - as its base

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(params=["unaware", "named, stripped", "named, whole"])
def proxied(request: pytest.FixtureRequest, server: Server, behind: Server) -> Iterator[str]:
    """The address of a server below a prefix, however it comes to be there."""
    upstream = server if request.param == "unaware" else behind
    adds = {} if request.param == "unaware" else {"X-Forwarded-Prefix": PREFIX}
    members = {
        "upstream": urlsplit(upstream.url).netloc,
        "strips": request.param != "named, whole",
        "adds": adds,
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Proxy,), members)) as proxy:
        Thread(target=proxy.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}{PREFIX}"
        finally:
            proxy.shutdown()


@pytest.mark.parametrize("proxied", ["named, stripped", "named, whole"], indirect=True)
def test_the_place_of_a_job_is_found(proxied: str) -> None:
    """It was 404."""
    for path in ("/v1/generate", "/generate"):
        begun = httpx.post(f"{proxied}{path}", json=SMALL, headers=ASYNC)
        where = urljoin(str(begun.url), begun.headers["Location"])
        assert where.startswith(proxied)
        assert httpx.get(where).json()["id"] == begun.json()["id"]


def test_everything_else_is_found_whatever_the_proxy_says(proxied: str) -> None:
    """The page of the API asked for a document outside."""
    page = httpx.get(f"{proxied}/docs").text
    (named,) = [part.split("'")[1] for part in page.split("url: ")[1:2]]
    document = httpx.get(urljoin(f"{proxied}/docs", named)).json()
    assert "/v1/generate" in document["paths"]
    with Client(proxied) as client:
        assert client.ready()
        result = client.generate("points", 2, seed=7, steps=2, rewind=True)
        assert client.jobs.wait(client.jobs.generate("points", 2, seed=7, steps=2)).samples
        assert client.edit(result[0], branches=1).samples


def test_the_document_names_the_prefix_that_is_known(behind: Server, server: Server) -> None:
    def servers(asked: Server, **headers: str) -> Any:
        return asked.client.get("/openapi.json", headers=headers).json().get("servers")

    assert servers(behind) is None
    assert servers(behind, **{"X-Forwarded-Prefix": "/a/b/"}) == [{"url": "/a/b"}]
    assert servers(behind, **{"X-Forwarded-Prefix": "//evil.example"}) is None
    assert servers(behind, **{"X-Forwarded-Prefix": "/<script>"}) is None
    assert servers(behind, **{"X-Forwarded-Prefix": "/a" * 300}) is None
    assert servers(server, **{"X-Forwarded-Prefix": "/a"}) is None, "nobody is believed by default"


def test_the_studio_learns_nothing_of_strangers(server: Server) -> None:
    page = server.client.get("/", headers={"X-Forwarded-Prefix": "/elsewhere"}).text
    assert "elsewhere" not in page


def test_a_prefix_that_is_told_holds_for_both_kinds_of_proxies() -> None:
    app = create_app(Settings(root_path=f"{PREFIX}/"))

    async def ask(path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    for path in ("/openapi.json", f"{PREFIX}/openapi.json"):
        assert asyncio.run(ask(path)).json()["servers"] == [{"url": PREFIX}]
    assert asyncio.run(ask(f"{PREFIX}x/openapi.json")).status_code == 404


@pytest.mark.parametrize("prefix", ["sureflow", "//host", "/a?b", "/a b", "/v1"])
def test_what_is_no_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="root_path"):
        Settings(root_path=prefix)
