"""An id for every request, and a line in the log."""

from __future__ import annotations

import logging
import re
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sureflow_server.api.public_text import printable
from sureflow_server.logs import request_id
from sureflow_server.traces import QUIET

REQUEST_ID = re.compile(r"[!-~]{1,128}")

UNLOGGED = "unlogged"
"""Set in the state of a request that is no call of the API."""

MAX_PATH = 500
"""Bytes of a path in the log."""

log = logging.getLogger(__name__)


class RequestLog:
    """Gives every request an id, its own ``X-Request-Id`` if it has one, and echoes it.

    Logs method, path, status and seconds. A status of 0 says that the client was gone before there
    was one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own = Headers(scope=scope).get("x-request-id", "")
        id = own if REQUEST_ID.fullmatch(own) else f"req_{uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = id
        # Never reset: the context belongs to the request, and what fails later still has it.
        request_id.set(id)
        status, begun = 0, perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = id
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            if not (scope["path"].startswith(QUIET) or scope["state"].get(UNLOGGED)):
                # As it was sent: once decoded, it may hold a line of its own.
                path = printable(scope["raw_path"].decode("ascii", "backslashreplace"), MAX_PATH)
                method, seconds = scope["method"], round(perf_counter() - begun, 6)
                facts = {"method": method, "path": path, "status": status, "seconds": seconds}
                log.info("%s %s %d in %.3f s", method, path, status, seconds, extra=facts)
