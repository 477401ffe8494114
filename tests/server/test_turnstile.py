"""A crowd of requests, and who comes between them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from sureflow_server.turnstile import EACH, Turnstile


def scope(path: str) -> dict[str, Any]:
    return {"type": "http", "path": path}


async def crowd(begun: list[int], count: int, cancelled: int = 0) -> list[int]:
    """Have so many come at once; return how many had begun by the end of every turn."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(int(scope["path"]))

    turnstile: Any = Turnstile(app)
    tasks = [asyncio.ensure_future(turnstile(scope(str(n)), None, None)) for n in range(count)]
    await asyncio.sleep(0)
    for task in tasks[count - cancelled :]:
        task.cancel()
    turns = [len(begun)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turns.append(len(begun))
    return turns


def test_few_begin_in_a_turn_in_their_order() -> None:
    begun: list[int] = []
    turns = asyncio.run(crowd(begun, 100))
    assert begun == [*range(100)]
    assert turns[0] == EACH
    assert max(after - before for before, after in pairwise(turns)) <= EACH


def test_who_has_gone_takes_no_turn() -> None:
    begun: list[int] = []
    turns = asyncio.run(crowd(begun, 100, cancelled=70))
    assert begun == [*range(30)]
    assert len(turns) <= 30 // EACH + 5, "the seventy would have taken more than twice as many"


def test_who_comes_alone_does_not_wait() -> None:
    begun: list[int] = []
    assert asyncio.run(crowd(begun, EACH)) == [EACH]


def test_health_waits_for_nobody() -> None:
    async def both() -> list[str]:
        begun: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            begun.append(scope["path"])

        turnstile: Any = Turnstile(app)
        paths = [*(f"/{n}" for n in range(3 * EACH)), "/health/live"]
        await asyncio.gather(*(turnstile(scope(path), None, None) for path in paths))
        return begun

    assert asyncio.run(both()).index("/health/live") == EACH
