"""Agents that call the tools of a server, from tests that do not wait."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

from benchmarks.agent_tasks.agent import Agent, Way, connected
from tests.installed import CLIENT

R = TypeVar("R")
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join([str(CLIENT), os.environ.get("PYTHONPATH", "")])}


def agent_does(
    url: str, do: Callable[[Agent], Awaitable[R]], way: Way = "http", key: str | None = None
) -> R:
    """Return what an agent comes to that is connected to a server."""

    async def run() -> R:
        async with connected(url, way, key, ENVIRONMENT) as client:
            return await do(Agent(client))

    return anyio.run(run)


def call(url: str, tool: str, key: str | None = None, **arguments: Any) -> dict[str, Any]:
    """Call a tool, and return its facts."""
    return agent_does(url, lambda agent: agent.call(tool, **arguments), key=key)


def refused(url: str, tool: str, key: str | None = None, **arguments: Any) -> str:
    """Call a tool that must answer with an error, and return its words."""
    return agent_does(url, lambda agent: agent.refused(tool, **arguments), key=key)
