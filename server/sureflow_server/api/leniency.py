"""Requests that mean what there is, and say it a little differently."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

API = (
    *("/v1/", "/v2/", "/generate/", "/edit/", "/invert/", "/health/", "/metrics/", "/mcp/"),
    *("/openapi.json/", "/llms.txt/"),
)
"""Beginnings of paths of the API, with a slash after them."""

ENDLESS = "/events"
"""Ends of paths whose answer takes as long as the work does, so that none is made for ``HEAD``."""


class Leniency:
    """Takes a slash too many at the end of a path, and ``HEAD`` where there is ``GET``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http" and f"{scope['path']}/".startswith(API):
            scope = _without_slash(scope)
            if scope["method"] == "HEAD" and not scope["path"].endswith(ENDLESS):
                # The body of the answer is left out where it is written.
                scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)


def _without_slash(scope: Scope) -> Scope:
    if not scope["path"].endswith("/"):
        return scope
    return {**scope, "path": scope["path"].rstrip("/"), "asked_path": scope["path"]}
