"""A task, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mcp import Client

from benchmarks.agent_tasks.agent import Agent

MOST_CALLS, MOST_BYTES = 5, 10_000
"""What a task may take: calls, and bytes of an answer without pictures."""

Do = Callable[[Agent], Awaitable[str]]


@dataclass(frozen=True)
class Task:
    """Something that a person asks of an agent.

    Attributes:
        asked: In their words.
        do: Does it, makes sure that it is done, and returns what the agent would say.
    """

    asked: str
    do: Do


@dataclass(frozen=True)
class Done:
    """What became of a task.

    Attributes:
        task: The task.
        said: What the agent would say.
        calls: Calls of tools that it took.
        largest: Bytes of the longest answer, without pictures.
        pictures: Pictures that came with the answers.
    """

    task: Task
    said: str
    calls: int
    largest: int
    pictures: int

    @property
    def well(self) -> bool:
        """Whether it took no more than it may."""
        return self.calls <= MOST_CALLS and self.largest < MOST_BYTES


async def done(task: Task, client: Client) -> Done:
    """Do a task.

    Raises:
        AssertionError: It has not been done.
    """
    agent = Agent(client)
    said = await task.do(agent)
    return Done(task, said, agent.calls, agent.largest, agent.pictures)
