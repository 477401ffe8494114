"""What browsers may do with the page; who may speak to it is the server's to say."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORWARDED = b"x-forwarded-prefix"
"""NiceGUI would write what it says into the page as it is."""

SCRIPTS = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


class Guard:
    """Gives pages a policy that knows their scripts by hash, and lets no header write into them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != FORWARDED]
        await self.app(scope, receive, _Policed(send) if scope["type"] == "http" else send)


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
