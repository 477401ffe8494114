"""Tools of a server at its own ``/mcp``, by streamable HTTP."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import httpx
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from .._async.client import AsyncClient
from .._retry import Retry
from .server import Context, tool_server

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = "http://127.0.0.1"
"""A name of the server; nothing is sent there, since its API is called in this process."""

PASSED_ON = ("authorization", "x-request-id")
"""Headers of a caller that the API gets: who they are, and the name of their request."""

RETRY = Retry(longest=5.0, keyed=False)
"""An agent had better hear soon that a server is busy; and no answer in process is lost."""

NO_KEY = ""
"""Said out loud, so that no key of the server's own environment is lent to callers."""


class Door:
    """Answers what comes to ``/mcp``; asks the API in process, as the caller and with their key.

    Nothing is kept between two requests: there are no sessions that could grow in number.

    Args:
        api: The application whose API is asked.
    """

    def __init__(self, api: ASGIApp) -> None:
        for name in ("mcp", "httpx"):  # the server logs requests by itself
            logging.getLogger(name).setLevel(logging.WARNING)
        self._api = api
        self._server = tool_server(self._connect)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the server has looked at its key, its origin and its body."""
        manager = StreamableHTTPSessionManager(
            self._server, stateless=True, max_request_body_size=sys.maxsize
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    def _connect(self, context: Context) -> AsyncClient:
        request: Any = context.request
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        if request_id := request.scope.get("state", {}).get("request_id"):
            headers["x-request-id"] = request_id
        transport = httpx.ASGITransport(
            self._api,
            raise_app_exceptions=False,
            client=request.scope.get("client") or ("", 0),
        )
        return AsyncClient(LOCAL, api_key=NO_KEY, headers=headers, transport=transport, retry=RETRY)
