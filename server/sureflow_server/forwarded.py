"""What proxies say of a request: who sent it, by which scheme, and under which prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from itertools import chain

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from sureflow_server.address import in_both_forms
from sureflow_server.prefix import Prefix

HEADER = b"x-forwarded-prefix"

PLAIN = re.compile(r"(/[A-Za-z0-9._~-]+){1,16}")
"""A prefix that needs no escapes, wherever it is written."""

MAX_LENGTH = 200


class Forwarded:
    """Believes the proxies that are trusted, and nobody else.

    Args:
        app: What they forward to.
        trusted: Their addresses.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._trusted = ProxyHeadersMiddleware(
            app,  # type: ignore[arg-type]
            [*chain.from_iterable(map(in_both_forms, trusted))],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        sender = scope["client"][0] if scope.get("client") else ""
        app: ASGIApp = self._app
        if sender in self._trusted.trusted_hosts:
            app = Prefix(self._trusted, _prefix(scope))  # type: ignore[arg-type]
        # What reads the header later would believe anybody.
        kept = [header for header in scope["headers"] if header[0] != HEADER]
        await app({**scope, "headers": kept}, receive, send)


def _prefix(scope: Scope) -> str:
    """Return the prefix that a proxy names, of several the last one; empty for none, or no such."""
    named = [value for name, value in scope["headers"] if name == HEADER]
    text = named[-1].decode("latin-1").strip().rstrip("/") if named else ""
    return text if len(text) <= MAX_LENGTH and PLAIN.fullmatch(text) else ""
