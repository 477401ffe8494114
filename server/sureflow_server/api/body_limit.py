"""How large a body may be, and how slow."""

from __future__ import annotations

import asyncio
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sureflow_server.api.problems import Problem

BODY_S = 60.0
"""Seconds in which a body must have arrived once it is waited for."""


class BodyLimit:
    """Refuses a body that is too large, at once if it says so, else as soon as it shows.

    And one that is too slow.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        too_large = announced.isdecimal() and int(announced) > self.max_bytes
        received, more = 0, True
        deadline = monotonic() + BODY_S

        async def limited() -> Message:
            nonlocal received, more
            if too_large:
                raise self._problem()
            try:
                # Once the body is there, what may still come is the client's farewell.
                async with asyncio.timeout(deadline - monotonic() if more else None):
                    message = await receive()
            except TimeoutError:
                raise Problem("body-too-slow", f"it must be there in {BODY_S:g} s") from None
            more = message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise self._problem()
            return message

        await self.app(scope, limited, send)

    def _problem(self) -> Problem:
        message = f"the body may have at most {self.max_bytes} bytes"
        return Problem("payload-too-large", message, [("body", message)])
