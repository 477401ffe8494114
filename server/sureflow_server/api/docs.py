"""``GET /docs``: the OpenAPI document as a page that runs nothing but its own script."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import Response

LIBRARY = "https://cdn.jsdelivr.net"
ICON = "https://fastapi.tiangolo.com"
INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Add the page."""
    page = get_swagger_ui_html(openapi_url=str(app.openapi_url).removeprefix("/"), title=app.title)
    page.headers["Content-Security-Policy"] = policy(bytes(page.body))

    async def show(request: Request) -> Response:
        return page

    app.add_route("/docs", show, include_in_schema=False)


def policy(page: bytes) -> str:
    """Return the Content-Security-Policy of the page, its inline scripts known by their hash."""
    hashes = (b64encode(sha256(script).digest()).decode() for script in INLINE.findall(page))
    scripts = " ".join(f"'sha256-{value}'" for value in hashes)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {LIBRARY} {scripts}",
            f"style-src {LIBRARY} 'unsafe-inline'",
            f"img-src 'self' data: {ICON}",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
