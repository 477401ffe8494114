"""What stands in for an agent: it calls tools, and what it reads is counted."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, TextContent

Way = Literal["http", "http, with handshake", "stdio"]
WAYS: tuple[Way, ...] = ("http", "http, with handshake", "stdio")
PATIENCE_S = 120.0


class RefusedError(Exception):
    """A tool answered with an error."""


class Agent:
    """Calls tools.

    Attributes:
        calls: How many, refused ones included.
        largest: Bytes of the longest answer, without pictures.
        pictures: How many there were.
        said: The words of the last answer.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.calls = self.largest = self.pictures = 0
        self.said = ""

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and return its facts.

        Raises:
            RefusedError: It answers with an error.
        """
        self.calls += 1
        result = await self.client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        self._read(result)
        if result.is_error:
            raise RefusedError(self.said)
        facts: dict[str, Any] = result.structured_content
        return facts

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must answer with an error, and return its words."""
        try:
            facts = await self.call(tool, **arguments)
        except RefusedError as error:
            return str(error)
        raise AssertionError(f"{tool} took {arguments}: {facts}")

    def _read(self, result: CallToolResult) -> None:
        texts = [block.text for block in result.content if isinstance(block, TextContent)]
        self.said = "\n".join(texts)
        facts = json.dumps(result.structured_content or {}, ensure_ascii=False)
        self.largest = max(self.largest, len(self.said.encode()) + len(facts.encode()))
        self.pictures += sum(isinstance(block, ImageContent) for block in result.content)


@asynccontextmanager
async def connected(
    url: str, way: Way, key: str | None = None, environment: dict[str, str] | None = None
) -> AsyncGenerator[Client, None]:
    """Connect to the tools of a server.

    Args:
        url: Of the server.
        way: Its own ``/mcp``, by either revision of the protocol, or the command of the client.
        key: By which the server is asked, if it wants one.
        environment: Of the command.
    """
    async with AsyncExitStack() as stack:
        if way == "stdio":
            given = {**(environment or {}), **({"SUREFLOW_API_KEY": key} if key else {})}
            command = ["-m", "sureflow_client", "--url", url, "mcp"]
            server = StdioServerParameters(command=sys.executable, args=command, env=given)
            yield await stack.enter_async_context(Client(server))
            return
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        http = httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S, trust_env=False)
        await stack.enter_async_context(http)
        transport = streamable_http_client(f"{url}/mcp", http_client=http)
        mode = "legacy" if way == "http, with handshake" else "auto"
        yield await stack.enter_async_context(Client(transport, mode=mode))
