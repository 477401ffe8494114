"""A server below a path of another one's, such as ``https://lab.example/sureflow/``."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Takes a prefix off the paths that have it, and leaves alone those that have lost it.

    Some proxies pass paths on as they came, others take off what led to this server. Both work.

    Args:
        app: What answers; it finds the prefix as ``root_path`` in the scope.
        root: The prefix, with a slash in front and none behind; empty for none.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self.app = app
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if self.root and scope["type"] in ("http", "websocket"):
            path = _without(scope["path"], self.root)
            raw = _without(scope.get("raw_path", b"").decode("latin-1"), self.root)
            named = {"path": path, "raw_path": raw.encode("latin-1"), "root_path": self.root}
            scope = {**scope, **named}
        await self.app(scope, receive, send)


def _without(path: str, root: str) -> str:
    return path[len(root) :] or "/" if f"{path}/".startswith(f"{root}/") else path
