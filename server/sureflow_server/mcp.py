"""``POST /mcp``: tools for agents (Model Context Protocol), where they are installed.

The client brings them, by an entry point, and asks the API in process with the key of whoever
calls. They are loaded with the first request: until then they take neither time nor memory.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from pydantic import Field, TypeAdapter
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sureflow.core.schema import Integer, Name, Schema
from sureflow_server.api import media_type
from sureflow_server.api.access import authorise, methods, needed, owner
from sureflow_server.api.json_body import read_as
from sureflow_server.api.off_loop import READ, off_loop
from sureflow_server.api.problems import Problem
from sureflow_server.garbage import freeze_garbage
from sureflow_server.service import Service

GROUP = "sureflow.mcp"
"""Entry points of this group make what answers, from the application."""

PATH = "/mcp"
PACKAGE = "mcp"
"""What speaks the protocol."""

log = logging.getLogger(__name__)


class Call(Schema):
    """What a client sends: a request, or without an ``id`` a notification (JSON-RPC 2.0)."""

    jsonrpc: Literal["2.0"]
    method: Name
    id: Annotated[Integer | Name, Field(union_mode="left_to_right")] | None = None
    params: dict[str, Any] | None = None


_reader = TypeAdapter(Call)


class Tools(BaseRoute):
    """The path of the tools; what comes there is looked at as what comes to any route.

    Args:
        app: The application.
        found: Makes what answers.
    """

    def __init__(self, app: ASGIApp, found: EntryPoint) -> None:
        self._app = app
        self._found = found
        self._opening: asyncio.Task[ASGIApp] | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a connection is for the tools."""
        known = scope["type"] == "http" and scope["path"] == PATH
        return (Match.FULL if known else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, if the key is good for something, and the body is a message.

        There are no sessions, so nothing is there to be listened to or deleted.
        """
        if scope["method"] != "POST":
            raise HTTPException(405, headers={"Allow": ", ".join(methods(PATH))})
        request = Request(scope, receive)
        service = Service.of(request)
        request.state.key = authorise(request, needed("POST", PATH))
        service.reads.admit(owner(request))
        media_type.check(request)
        body = await request.body()
        await off_loop(partial(_check, body), READ * len(body))
        door = await self._opened()
        await door(scope, _again(body, receive), send)

    async def _opened(self) -> ASGIApp:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        try:
            return await asyncio.shield(self._opening)
        except ImportError:
            raise Problem("not-found", "the tools cannot be loaded; the log says why") from None

    async def _open(self) -> ASGIApp:
        try:
            make = await asyncio.to_thread(self._found.load)
        except ImportError as error:
            log.warning("the tools of %s cannot be imported: %s", PATH, error)
            raise
        door: ASGIApp = make(self._app)
        freeze_garbage()
        return door


def mount(app: FastAPI) -> bool:
    """Add the tools to an application, after its routes; return whether they are installed."""
    found = next(iter(entry_points(group=GROUP)), None)
    if found is None or find_spec(PACKAGE) is None:
        log.info("no %s: tools for agents need the client, and pip install 'mcp>=2.3'", PATH)
        return False
    app.router.routes.append(Tools(app, found))
    return True


def _check(body: bytes) -> None:
    """Raise for what is no message, before anybody else reads it.

    The tools read it by another reader, which takes no half of a character.
    """
    read_as(_reader, body)
    try:
        from_json(body)
    except ValueError as error:
        raise Problem("malformed-body", str(error), [("body", str(error))]) from None


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what receives a body that has been received, and then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
