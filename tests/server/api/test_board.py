"""What is forgotten, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from sureflow_server.api.board import Board


@dataclass(eq=False)
class Job:
    """Stands in for a job; ends when it is told to."""

    id: str
    owner: str = ""
    size: int = 10
    ended: float | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        await self.over.wait()

    async def cancel(self) -> None:
        self.end(0.0)

    def end(self, now: float) -> None:
        self.ended = now
        self.over.set()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def board_of(max_bytes: int = 100, lifetime_s: float = 10) -> tuple[Any, Clock]:
    clock = Clock()
    return Board(max_bytes, lifetime_s, clock), clock


async def there(board: Any, *jobs: Job) -> list[bool]:
    return [await board.find(job.id, job.owner) is job for job in jobs]


def test_ended_jobs_are_forgotten_after_a_while_and_running_ones_never() -> None:
    async def test() -> None:
        board, clock = board_of()
        jobs = [Job(str(n)) for n in range(3)]
        for job in jobs:
            await board.add(job)
        for at, job in ((100.0, jobs[1]), (105.0, jobs[0])):
            clock.now = at
            job.end(at)
            await settled()
        clock.now = 109.9
        assert await there(board, *jobs) == [True, True, True]
        clock.now = 110.0
        assert await there(board, *jobs) == [True, False, True]
        clock.now = 1e6
        assert await there(board, *jobs) == [False, False, True]
        assert (len(board), board.size) == (1, 0)

    run(test())


def test_whoever_has_most_makes_room() -> None:
    async def test() -> None:
        board, _ = board_of(max_bytes=100)
        modest = Job("modest", "a", size=30)
        greedy = [Job(f"greedy {n}", "b", size=20) for n in range(5)]
        for job in (modest, *greedy):
            await board.add(job)
            job.end(100.0)
            await settled()
        assert await there(board, modest, *greedy) == [True, False, False, True, True, True]
        assert board.size == 90

    run(test())


def test_a_job_of_another_is_none() -> None:
    async def test() -> None:
        board, _ = board_of()
        await board.add(job := Job("x", "a"))
        assert await board.find("x", "b") is None
        assert await board.find("y", "a") is None
        await board.discard(job)
        assert await board.find("x", "a") is job, "cancelled, and still to be asked after"
        await settled()
        await board.discard(job)
        assert await board.find("x", "a") is None
        assert (len(board), board.size) == (0, 0)

    run(test())


def test_own_jobs_are_listed_newest_first_until_they_are_forgotten() -> None:
    async def test() -> None:
        board, clock = board_of()
        jobs = [Job(str(n), "ab"[n % 2]) for n in range(6)]
        for job in jobs:
            await board.add(job)
        assert await board.owned("a", 9) == [jobs[4], jobs[2], jobs[0]]
        assert await board.owned("a", 2) == [jobs[4], jobs[2]]
        assert await board.owned("c", 9) == []
        jobs[2].end(100.0)
        await settled()
        clock.now = 110.0
        assert await board.owned("a", 9) == [jobs[4], jobs[0]]

    run(test())


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)
