"""The studio as a server mounts it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from nicegui import Client, ui
from nicegui import app as front
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import theme
from .guard import Guard
from .page import Page

PAGE = "/"
ASSETS = "/_nicegui"
"""What the page loads, and the socket it speaks by."""

MOST_PAGES = 1000
"""Open at once; each of them takes memory, also of those who have no key."""

RECONNECT_S = 10.0
"""A page that has lost its connection for longer begins anew."""


def _missing(request: Request, error: Exception) -> Response:
    return PlainTextResponse("there is no such file", 404)


class Studio:
    """Answers the page, what it loads, and its socket; one of a process.

    Args:
        address: Of the server, where the studio calls its API.
    """

    def __init__(self, address: str) -> None:
        # The server logs our calls as it logs everybody's.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._front = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

        async def show() -> None:
            await Page(address).build()

        ui.page(PAGE)(show)
        # NiceGUI would open one of its pages for everything that there is not.
        front.add_exception_handler(404, _missing)
        # It would show that something is loaded, to screen readers as a bar without a name.
        front.config.quasar_config["loadingBar"]["skipHijack"] = True
        ui.run_with(
            self._front,
            title="Sureflow Studio",
            favicon=theme.ICON,
            dark=None,
            language="en-US",
            tailwind=False,
            binding_refresh_interval=None,
            reconnect_timeout=RECONNECT_S,
            # Outside of the guard, which reads pages.
            gzip_middleware_factory=None,
            show_welcome_message=False,
        )
        self._app: ASGIApp = GZipMiddleware(Guard(self._front))

    def owns(self, path: str) -> bool:
        """Return whether a path is the studio's."""
        return path == PAGE or path.startswith(ASSETS)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Run for as long as the server runs."""
        async with self._front.router.lifespan_context(self._front):
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what comes to one of its paths."""
        if scope["path"] == PAGE and len(Client.instances) >= MOST_PAGES:
            await PlainTextResponse("too many pages are open", 503)(scope, receive, send)
            return
        # What is mounted in applications looks for its paths below the prefix, as ASGI has it.
        path = scope.get("root_path", "") + scope["path"]
        await self._app({**scope, "path": path}, receive, send)
