"""A line in the log for every request."""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sureflow_server.logs import request_id

QUIET = ("/health/", "/v2/health/", "/metrics")
"""Asked every few seconds, and never of interest."""

UNLOGGED = "unlogged"
"""Set in the state of a request that is no call of the API."""

log = logging.getLogger(__name__)


class RequestLog:
    """Logs method, path, status and seconds; goes inside what gives requests their ids.

    A status of 0 says that the client was gone before there was one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Never reset: the context belongs to the request, and what fails later still has it.
        request_id.set(scope["state"]["request_id"])
        status, begun = 0, perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            if not (scope["path"].startswith(QUIET) or scope["state"].get(UNLOGGED)):
                # As it was sent: once decoded, it may hold a line of its own.
                path = scope["raw_path"].decode("ascii", "backslashreplace")
                self._say(scope["method"], path, status, perf_counter() - begun)

    def _say(self, method: str, path: str, status: int, seconds: float) -> None:
        facts = {"method": method, "path": path, "status": status, "seconds": round(seconds, 6)}
        log.info("%s %s %d in %.3f s", method, path, status, seconds, extra=facts)
