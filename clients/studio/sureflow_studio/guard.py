"""What browsers may do with the page, and who may speak to it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

FORWARDED = b"x-forwarded-prefix"
"""NiceGUI would write what it says into the page as it is."""

SCRIPTS = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
VIOLATION = 1008
"""Of policy, as WebSocket has it."""


class Guard:
    """Refuses other origins, and gives pages a policy that knows their scripts by hash."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if is_foreign(Headers(scope=scope)):
            await _refuse(scope, receive, send)
            return
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != FORWARDED]
        await self.app(scope, receive, _Policed(send) if scope["type"] == "http" else send)


def is_foreign(headers: Headers) -> bool:
    """Return whether a request comes from a page of another origin.

    Browsers name the origin with every WebSocket and every request that could change something.
    """
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def policy(page: bytes) -> str:
    """Return the Content-Security-Policy of a page: nothing from elsewhere.

    Inline scripts are known by their hash. The page compiles its templates in the browser, for
    which it needs ``unsafe-eval``, and its elements carry styles of their own.
    """
    hashes = (b64encode(sha256(script).digest()).decode() for script in SCRIPTS.findall(page))
    scripts = " ".join(f"'sha256-{value}'" for value in hashes)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'unsafe-eval' {scripts}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class _Policed:
    """Holds a page back until all of it is known, and sends it with its policy."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.start: Message | None = None
        self.page = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self.start = message
        elif self.start is None:
            await self.send(message)
        elif message["type"] == "http.response.body":
            self.page += message.get("body", b"")
            if not message.get("more_body", False):
                headers = MutableHeaders(scope=self.start)
                headers["Content-Security-Policy"] = policy(self.page)
                await self.send(self.start)
                await self.send({"type": "http.response.body", "body": self.page})


def _is_page(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/html")


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose(VIOLATION)(scope, receive, send)
    else:
        await PlainTextResponse("another origin", 403)(scope, receive, send)
