"""Work on results, done side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from sureflow_server.turns import Turns

R = TypeVar("R")

AT_ONCE = 16
"""Results about which something is done at a time: each takes part of a turn of the event loop."""


class TaskGroup(Generic[R]):
    """Does something about each result, few at a time, and yields each when that is done.

    Leaving the ``async with`` block cancels what is not done yet. Without ``work``, results are
    handed on at once.
    """

    def __init__(self, work: Callable[[R], Awaitable[None]] | None) -> None:
        self._work = work
        self._ready: deque[R] = deque()
        self._waiting: deque[R] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []
        self._changed = asyncio.Event()

    def add(self, result: R) -> None:
        """Begin with a result."""
        if self._work is None:
            self._ready.append(result)
            return
        self._waiting.append(result)
        if len(self._tasks) < AT_ONCE:
            self._begin(self._work)

    def done(self) -> Iterator[R]:
        """Yield those that are done."""
        while self._ready:
            yield self._ready.popleft()

    async def rest(self) -> AsyncIterator[R]:
        """Wait for the others, and yield them as they are done; what failed is raised."""
        turns = Turns()
        while True:
            for result in self.done():
                yield result
                await turns.step()
            if self._errors:
                raise self._errors[0]
            if not self._tasks and not self._ready:
                return
            if not self._ready:
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> TaskGroup[R]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()

    def _begin(self, work: Callable[[R], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._do(work, self._waiting.popleft()))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._errors.append(error)
        elif self._waiting and self._work is not None:
            self._begin(self._work)
        self._changed.set()

    async def _do(self, work: Callable[[R], Awaitable[None]], result: R) -> None:
        await work(result)
        self._ready.append(result)
