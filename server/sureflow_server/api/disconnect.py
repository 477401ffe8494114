"""Stopping the work of a client that has left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499
"""Status of an answer to a client that has left."""


def install(app: FastAPI) -> None:
    """End every request whose client is gone with :data:`CLIENT_CLOSED_REQUEST`."""
    app.add_exception_handler(ClientDisconnect, _unread)


async def unless_disconnected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await ``work``, but cancel it as soon as the client is gone. The body has been read.

    Raises:
        ClientDisconnect: The client is gone.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def _unread(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
