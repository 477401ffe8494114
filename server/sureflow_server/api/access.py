"""Which key may do what: one table, which every route reads.

A router is made with ``route_class=Guarded``; a route that the table does not name cannot be
declared. A server without keys lets every request do everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from sureflow_server.address import parsed
from sureflow_server.api import media_type
from sureflow_server.api.family_part import FAMILY_OF
from sureflow_server.api.json_body import JsonRequest
from sureflow_server.api.problems import Problem
from sureflow_server.keys.key import SCOPES, Key, Scope
from sureflow_server.keys.ring import RefusedKeyError
from sureflow_server.service import Service

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

OPEN: tuple[Scope, ...] = ()
"""Needs no key."""

MAKERS: tuple[Scope, ...] = ("generate", "edit")
"""A key that can make something may look at what it has made, and discard it."""

REVIEWERS: tuple[Scope, ...] = ("review", "admin")
"""May read verdicts, and have a certificate made of them."""

WATCHERS: tuple[Scope, ...] = ("metrics", "admin")
"""Unless the settings open the metrics without a key."""

MAKING = ("POST",)
"""Methods whose rate is that of the samples which they ask for; all others are reads."""

ACCESS: dict[tuple[str, str], tuple[Scope, ...]] = {
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/metrics"): WATCHERS,
    ("POST", "/generate"): ("generate",),
    ("POST", "/v1/generate"): ("generate",),
    ("POST", "/v1/images/generations"): ("generate",),
    ("POST", "/edit"): ("edit",),
    ("POST", "/v1/edit"): ("edit",),
    ("POST", "/invert"): ("edit",),
    ("POST", "/v1/invert"): ("edit",),
    ("GET", "/v1/handles"): MAKERS,
    ("GET", "/v1/handles/{}"): MAKERS,
    ("DELETE", "/v1/handles/{}"): MAKERS,
    ("GET", "/v1/handles/{}/frames"): MAKERS,
    ("GET", "/v1/jobs"): (*MAKERS, "admin"),
    ("GET", "/v1/jobs/{}"): (*MAKERS, "admin"),
    ("DELETE", "/v1/jobs/{}"): (*MAKERS, "admin"),
    ("GET", "/v1/jobs/{}/events"): (*MAKERS, "admin"),
    ("GET", "/v1/models"): SCOPES,
    ("GET", "/v1/models/{}"): SCOPES,
    ("POST", "/v1/models/{}/load"): ("admin",),
    ("POST", "/v1/models/{}/unload"): ("admin",),
    ("POST", "/v1/models/{}/calibrate"): ("admin",),
    ("GET", "/v1/models/{}/review"): REVIEWERS,
    ("POST", "/v1/models/{}/review"): REVIEWERS,
    ("POST", "/v1/models/{}/review/refit"): ("admin",),
    ("GET", "/v1/verdicts"): REVIEWERS,
    ("POST", "/v1/verdicts"): ("review",),
    ("POST", "/mcp"): SCOPES,
    ("GET", "/v2"): SCOPES,
    ("GET", "/v2/health/live"): OPEN,
    ("GET", "/v2/health/ready"): OPEN,
    ("POST", "/v2/repository/index"): SCOPES,
    ("GET", "/v2/models/{}"): SCOPES,
    ("GET", "/v2/models/{}/versions/{}"): SCOPES,
    ("GET", "/v2/models/{}/ready"): SCOPES,
    ("GET", "/v2/models/{}/versions/{}/ready"): SCOPES,
    ("POST", "/v2/models/{}/infer"): ("generate",),
    ("POST", "/v2/models/{}/versions/{}/infer"): ("generate",),
}
"""Method and path, its parameters left blank, to the scopes of which a key needs one."""

SCHEME = "api_key"
"""Name of the security scheme in the OpenAPI document."""


class Guarded(APIRoute):
    """A route that looks at the key before anything else, and says which family a body is for.

    Raises:
        KeyError: The table has no such route.
    """

    def __init__(self, path: str, *args: Any, **options: Any) -> None:
        super().__init__(path, *args, **options)
        self.needed = {method: needed(method, path) for method in self.methods or ()}

    def get_route_handler(self) -> Handler:
        """Read the body as what the route declares, before FastAPI asks for it."""
        answer, declared = super().get_route_handler(), self.body_field
        kind = None if declared is None else declared.field_info.annotation
        reader: TypeAdapter[Any] | None = None if kind is None else TypeAdapter(kind)

        async def handle(request: Request) -> Response:
            return await answer(JsonRequest(request, reader))

        return handle

    async def handle(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer, if the key is good for it."""
        if scope["method"] not in self.needed:
            raise HTTPException(405, headers={"Allow": ", ".join(methods(self.path))})
        request = Request(scope)
        service, scopes = Service.of(request), self.needed[scope["method"]]
        request.state.key = authorise(request, scopes)
        if scope["method"] not in MAKING and scopes not in (OPEN, WATCHERS):
            service.reads.admit(owner(request))
        media_type.check(request)
        FAMILY_OF.set(service.family_of)
        request.state.claim = claim = service.answers.open(owner(request))
        try:
            await super().handle(scope, receive, send)
        finally:
            claim.release()


def needed(method: str, path: str) -> tuple[Scope, ...]:
    """Return the scopes of which a key needs one; ``path`` as the route declares it."""
    return ACCESS[method, _blank(path)]


def methods(path: str) -> list[str]:
    """Return what can be done with a path, be it by several routes; as a route declares it."""
    found = {method for method, known in ACCESS if known == _blank(path)}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _blank(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


def authorise(request: Request, scopes: tuple[Scope, ...]) -> Key | None:
    """Return the key of a request; ``None`` where none is needed.

    Raises:
        Problem: The key is missing, refused, or good for other things.
    """
    service = Service.of(request)
    ring = service.keys
    if ring is None or not scopes or (scopes is WATCHERS and service.settings.metrics_are_open):
        return None
    try:
        key = ring.authenticate(_token(request))
    except RefusedKeyError as error:
        raise _challenge("unauthorized", str(error), error="invalid_token") from error
    if not set(scopes) & set(key.scopes):
        lacking = f"the API key {key.id} lacks the scope {' or '.join(scopes)}"
        raise _challenge("forbidden", lacking, error="insufficient_scope", scope=scopes[0])
    return key


def caller(request: Request) -> str:
    """Return the id of the key of a request; ``""`` where there are no keys.

    What is made belongs to it.
    """
    key: Key | None = getattr(request.state, "key", None)
    return "" if key is None else key.id


def administers(request: Request) -> bool:
    """Whether a request is that of an operator: its key has the scope, or there are no keys."""
    key: Key | None = getattr(request.state, "key", None)
    return key is None or "admin" in key.scopes


def owner(request: Request) -> str:
    """Return who shares the server with the others: a key or, without keys, an address.

    A proxy may name as an address what is none; all whom it does this for are one owner, ``""``.
    """
    address = None if request.client is None else parsed(request.client.host)
    return caller(request) or ("" if address is None else str(address))


def _token(request: Request) -> str:
    headers = request.headers.getlist("authorization")
    if not headers:
        message = "this path needs an API key: Authorization: Bearer sf_..."
        raise _challenge("unauthorized", message)
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer":
        message = "the header Authorization must be, once, Bearer and an API key"
        raise _challenge("unauthorized", message)
    return token.strip()


def _challenge(kind: str, detail: str, **said: str) -> Problem:
    said = {"realm": "sureflow", **said}
    challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items())
    return Problem(kind, detail, headers={"WWW-Authenticate": challenge})


def declare(document: dict[str, Any], keyless: bool) -> None:
    """Say in an OpenAPI document which operation needs which key.

    Where ``keyless``, no key will do as well.
    """
    document.setdefault("components", {})["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "sf_<id>_<secret>",
            "description": "An API key of `sureflow keys create`; each operation names the scopes "
            "of which the key needs one.",
        }
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if scopes := needed(method.upper(), path):
                keys: list[dict[str, list[str]]] = [{SCHEME: [scope]} for scope in scopes]
                operation["security"] = keys + ([{}] if keyless else [])
