"""Lets few requests begin in one turn of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

EACH = 2
"""Requests that begin in one turn; each takes up to a millisecond of it."""

HEALTH = "/health/"
"""Who asks for this waits for nobody."""


class Turnstile:
    """Lets requests begin in their order, few at a time, so that a crowd holds up nobody for long.

    Several hundred that come at once would otherwise begin in a single turn of the event loop, and
    all that is under way would wait for it to end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._begun, self._turning = 0, False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http" and not scope["path"].startswith(HEALTH):
            await self._begin()
        await self.app(scope, receive, send)

    async def _begin(self) -> None:
        """Wait until it is the turn of a request."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn)
        if self._begun < EACH and not self._waiting:
            self._begun += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _turn(self) -> None:
        """Let the next ones begin."""
        self._begun = 0
        while self._waiting and self._begun < EACH:
            turn = self._waiting.popleft()
            if not turn.done():  # else its client has gone
                turn.set_result(None)
                self._begun += 1
        self._turning = self._begun > 0
        if self._turning:
            asyncio.get_running_loop().call_soon(self._turn)
