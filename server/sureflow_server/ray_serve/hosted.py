"""The application inside another server, such as Ray Serve."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from sureflow_server.engine.errors import StartupError
from sureflow_server.service import Service

REPLICA = "X-Sureflow-Replica"
"""Header that says which replica has answered."""


class Hosted:
    """An ASGI application that has started when it can serve, and drains before it ends.

    ``sureflow serve`` sees to both by itself; others know the lifespan of an application only.
    """

    def __init__(self, app: FastAPI, name: str) -> None:
        self._app = app
        self._service: Service = app.state.service
        self._name = (REPLICA.lower().encode(), name.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live."""
        if scope["type"] == "lifespan":
            await self._app(scope, self._draining(receive), self._when_ready(send))
        else:
            await self._app(scope, receive, self._named(send))

    def _when_ready(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                try:
                    await self._service.wait_ready()
                except StartupError as error:
                    message = {"type": "lifespan.startup.failed", "message": str(error)}
            await send(message)

        return sending

    def _draining(self, receive: Receive) -> Receive:
        async def receiving() -> Any:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self._service.pool.drain(self._service.settings.drain_s)
            return message

        return receiving

    def _named(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self._name]
            await send(message)

        return sending
