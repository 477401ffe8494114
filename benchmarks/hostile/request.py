"""Requests as they are sent, and valid ones that can be changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request as it is sent.

    Attributes:
        method: GET, POST or DELETE.
        path: With its query, quoted.
        body: JSON; empty for none.
        headers: Besides the media type.
        route: The path as the OpenAPI document has it.
        changed: What is hostile.
        kind: Of hostility, for those who count.
    """

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, bytes], ...] = ()
    route: str = ""
    changed: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Sound:
    """A valid request.

    Attributes:
        method: GET, POST or DELETE.
        route: The path, with the names of its parameters.
        names: Values of these.
        body: What is sent as JSON; ``None`` for nothing.
        query: Values of parameters of the query.
    """

    method: str
    route: str
    names: dict[str, str] = field(default_factory=dict)
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)

    def request(
        self,
        body: bytes | None = None,
        changed: str = "",
        kind: str = "",
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> Request:
        """Return it as it is sent, with other names or another body."""
        path = self.route
        for name, value in {**self.names, **names}.items():
            path = path.replace(f"{{{name}}}", value)
        query = "&".join(f"{name}={names.get(name, value)}" for name, value in self.query.items())
        sent = b"" if self.body is None else json.dumps(self.body).encode()
        return Request(
            self.method,
            f"{path}?{query}" if query else path,
            sent if body is None else body,
            route=self.route,
            changed=changed,
            kind=kind,
        )
