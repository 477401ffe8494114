"""The studio, a page beside the API, where it is installed."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import entry_points
from typing import Any, Protocol

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from sureflow_server.api.request_log import UNLOGGED
from sureflow_server.listener import STUDIO

log = logging.getLogger(__name__)


class Studio(Protocol):
    """A page, and whatever it loads and speaks to."""

    def owns(self, path: str) -> bool:
        """Return whether a path is the studio's."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Run it for as long as the server runs."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what comes to one of its paths."""


class Pages(BaseRoute):
    """Routes what is the studio's, and nothing else, so that the API answers as without it."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a connection is for the studio."""
        known = scope["type"] in ("http", "websocket") and self.studio.owns(scope["path"])
        return (Match.FULL if known else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the connection on."""
        scope.setdefault("state", {})[UNLOGGED] = True
        await self.studio(scope, receive, send)


def mount(app: FastAPI, address: str) -> bool:
    """Add the studio to an application, after its routes; return whether one is installed.

    A studio that cannot be imported is logged and left out: the server serves without it.
    """
    for found in entry_points(group=STUDIO):
        try:
            make = found.load()
        except ImportError as error:
            log.warning("the studio cannot be imported: %s", error)
            continue
        _add(app, make(address))
        return True
    return False


def _add(app: FastAPI, studio: Studio) -> None:
    app.router.routes.append(Pages(studio))
    alone = app.router.lifespan_context

    @asynccontextmanager
    async def together(app: Any) -> AsyncGenerator[Any, None]:
        async with studio.running(), alone(app) as state:
            yield state

    app.router.lifespan_context = together
