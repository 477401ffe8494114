"""Whose key is used, and over what."""

from __future__ import annotations

import asyncio
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from sureflow_studio.session import Session


def test_a_key_of_the_environment_is_not_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The studio runs in the server's environment, where the client's variable may be set."""
    monkeypatch.setenv("SUREFLOW_API_KEY", "sf_of_the_operator")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    asked: list[str | None] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"models": []}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Recorder) as recorder:
        Thread(target=recorder.handle_request).start()

        async def load() -> None:
            session = Session(f"http://127.0.0.1:{recorder.server_port}")
            await session.load()
            await session.close()

        asyncio.run(load())
    assert asked == [None]
