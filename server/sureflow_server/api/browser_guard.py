"""What browsers may be made to do by pages that are not the server's own.

A page can have its visitor's browser send requests anywhere, to this machine too. Browsers say
which page it was (``Origin``, ``Sec-Fetch-Site``) and by which name they reached the server
(``Host``). Programs that are no browsers do as they please anyway, and need not say anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from sureflow_server.address import is_loopback, parsed
from sureflow_server.api.problems import Problem, answer
from sureflow_server.settings import Settings

HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]{1,253}?)\.?)(?::[0-9]{0,5})?")
OWN_SITES = {"same-origin", "none"}
"""Of ``Sec-Fetch-Site``: a page of the server, or somebody who typed the address."""

VIOLATION = 1008
"""Of policy, as WebSocket has it."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Names by which a server may be reached.

    A name that anybody can register may be made to lead to this machine (DNS rebinding); its pages
    are then of the same origin as the server. Nobody can do so with an address.

    Attributes:
        names: Names and addresses, beside those of loopback; ``None`` if any will do.
        any_address: Whether any address will do, as one that is bound publicly has many.
    """

    names: frozenset[str] | None
    any_address: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Hosts:
        """Return those of a server: with API keys any, unless some are named."""
        if settings.api_keys_file is not None and not settings.allowed_host:
            return cls(None)
        names = frozenset({settings.host, *settings.allowed_host})
        return cls(names, not is_loopback(settings.host))

    def refusal(self, given: Sequence[str]) -> str | None:
        """Return why requests with these headers ``Host`` are refused; ``None`` if they are not."""
        if self.names is None:
            return None
        match = HOST.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            return "there must be one header Host, with a name or an address"
        name = match[1] or match[2]
        known = is_loopback(name) or name.endswith(".localhost") or name in self.names
        if known or (self.any_address and parsed(name) is not None):
            return None
        return (
            f"this server does not go by the name {name}; --allowed-host {name} would change that"
        )


class BrowserGuard:
    """Refuses, with 403, what pages of other origins have browsers do, and unknown names.

    Links from elsewhere may lead to the server's pages, but nothing else of other pages gets an
    answer: no forms, scripts, images, frames or sockets.

    Args:
        app: What is guarded.
        hosts: Names of the server.
        origins: Origins of pages that may do what the server's own may.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, origins: Collection[str]) -> None:
        self.app = app
        self.hosts = hosts
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        problem = None if scope["type"] == "lifespan" else self._problem(scope)
        if problem is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(VIOLATION)(scope, receive, send)
        else:
            await answer(Request(scope), problem)(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        refusal = self.hosts.refusal([host.lower() for host in headers.getlist("host")])
        if refusal is not None:
            return Problem("foreign-host", refusal, [("Host", refusal)])
        if scope.get("method") == "OPTIONS" or not self._is_foreign(scope, headers):
            return None
        message = "a page of another origin asks; --allow-origin names those that may"
        return Problem("foreign-origin", message, [("Origin", message)])

    def _is_foreign(self, scope: Scope, headers: Headers) -> bool:
        """Return whether a browser says that a page of another origin has it ask."""
        origins = headers.getlist("origin")
        if origins and all(origin in self.origins for origin in origins):
            return False
        own = {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")}
        if not own.issuperset(origins):
            return True
        return not (OWN_SITES.issuperset(headers.getlist("sec-fetch-site")) or _is_link(scope))


def _is_link(scope: Scope) -> bool:
    """Return whether the answer takes the place of the page that asks for it."""
    reads = scope.get("method") in ("GET", "HEAD")
    return reads and Headers(scope=scope).getlist("sec-fetch-dest") == ["document"]
