"""How large a body may be, how slow, and that there is room for it beside the others."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sureflow_server.api.access import owner
from sureflow_server.api.problems import Problem
from sureflow_server.bodies import LAST_S, Bodies, NoRoomError

BODY_S = 60.0
"""Seconds in which a body must have arrived once it is waited for."""


class BodyLimit:
    """Refuses a body that is too large, at once if it says so, else as soon as it shows.

    And one that is too slow, and one for which there is no room beside the others.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, bodies: Bodies) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self, scope, receive)
        try:
            await self.app(scope, body.receive, send)
        finally:
            body.release()


class _Body:
    """One that arrives."""

    def __init__(self, limit: BodyLimit, scope: Scope, receive: Receive) -> None:
        announced = Headers(scope=scope).get("content-length", "0")
        self._announced = int(announced) if announced.isdecimal() else 0
        self._limit, self._scope, self._receive = limit, scope, receive
        self._received, self._taken, self._more = 0, 0, True
        self._client: str | None = None
        self._deadline = asyncio.get_running_loop().time() + BODY_S

    async def receive(self) -> Message:
        """Return the next part.

        Raises:
            Problem: It is too much, or too late.
        """
        if self._announced > self._limit.max_bytes:
            raise self._problem()
        message = await (self._next() if self._more else self._receive())
        self._more = message.get("more_body", False)
        self._count(len(message.get("body", b"")))
        if self._received > self._limit.max_bytes:
            raise self._problem()
        return message

    def release(self) -> None:
        """Forget it."""
        if self._client is not None:
            self._limit.bodies.release(self._client, self._taken)
            self._taken = 0

    async def _next(self) -> Message:
        """Wait for a part; once the body is there, what may still come is the client's farewell."""
        bodies = self._limit.bodies
        if bodies.closing:
            self._deadline = min(self._deadline, asyncio.get_running_loop().time() + LAST_S)
        try:
            async with asyncio.timeout_at(self._deadline) as deadline:
                with bodies.arriving(deadline):
                    return await self._receive()
        except TimeoutError:
            if bodies.closing:
                message = "the body had not arrived when the server began to shut down"
                raise Problem("draining", message) from None
            raise Problem("body-too-slow", f"it must be there in {BODY_S:g} s") from None

    def _count(self, nbytes: int) -> None:
        """Take room for all that is announced as soon as some of it is there, so it can end."""
        self._received += nbytes
        wanted = max(self._received, self._announced) if self._received else 0
        if wanted <= self._taken:
            return
        if self._client is None:
            self._client = owner(Request(self._scope))
        try:
            self._limit.bodies.take(self._client, wanted - self._taken)
        except NoRoomError as error:
            raise Problem("bodies-full", str(error), headers={"Retry-After": "1"}) from None
        self._taken = wanted

    def _problem(self) -> Problem:
        message = f"the body may have at most {self._limit.max_bytes} bytes"
        return Problem("payload-too-large", message, [("body", message)])
