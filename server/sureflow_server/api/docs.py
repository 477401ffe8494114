"""``GET /docs``: the OpenAPI document as a page; all that it loads is installed with the server."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import RedirectResponse, Response

VIEWER = files("fastapi_offline") / "static"
"""Swagger UI, in the package that brings it."""

FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
"""Those that the page loads, with their types."""

KEEP = {"Cache-Control": "public, max-age=3600"}
INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Add the page and what it loads.

    Addresses in the page are relative to its own, so that it works below any prefix.
    """
    script, style, icon = (f"docs/{name}" for name in FILES)
    page = get_swagger_ui_html(
        openapi_url=str(app.openapi_url).lstrip("/"),
        title=app.title,
        swagger_js_url=script,
        swagger_css_url=style,
        swagger_favicon_url=icon,
        # Nobody elsewhere is asked whether the document is valid.
        swagger_ui_parameters={"validatorUrl": None},
    )
    page.headers["Content-Security-Policy"] = policy(bytes(page.body))

    async def show(request: Request) -> Response:
        return page

    async def leave(request: Request) -> Response:
        return RedirectResponse("../docs")  # below which relative addresses would be others

    app.add_route("/docs", show, include_in_schema=False)
    app.add_route("/docs/", leave, include_in_schema=False)
    for name, kind in FILES.items():
        app.add_route(f"/docs/{name}", _file(name, kind), include_in_schema=False)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers one file of the viewer."""

    async def send(request: Request) -> Response:
        return Response((VIEWER / name).read_bytes(), media_type=kind, headers=KEEP)

    return send


def policy(page: bytes) -> str:
    """Return the Content-Security-Policy of the page, its inline scripts known by their hash."""
    hashes = (b64encode(sha256(script).digest()).decode() for script in INLINE.findall(page))
    scripts = " ".join(f"'sha256-{value}'" for value in hashes)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
