"""Tools over standard input and output, for programs that start them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from mcp.server.stdio import stdio_server

from .._async.client import AsyncClient
from .._retry import Retry
from .server import Context, tool_server

LONGEST_S = 5.0
"""Seconds to wait for a busy server; an agent had better hear of it."""


def serve(url: str, api_key: str | None) -> None:
    """Serve until standard input ends.

    Args:
        url: Where the Sureflow server listens.
        api_key: By which it is asked.
    """
    anyio.run(_serve, url, api_key)


async def _serve(url: str, api_key: str | None) -> None:
    own = AsyncClient(url, api_key=api_key, retry=Retry(longest=LONGEST_S))
    async with own as client, stdio_server() as (incoming, outgoing):

        @asynccontextmanager
        async def connect(context: Context) -> AsyncGenerator[AsyncClient, None]:
            yield client

        server = tool_server(connect, files=True)
        await server.run(incoming, outgoing, server.create_initialization_options())
