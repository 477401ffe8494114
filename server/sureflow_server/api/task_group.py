"""Work on results, done side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

R = TypeVar("R")


class TaskGroup(Generic[R]):
    """Does something about each result, and yields each when that is done.

    Leaving the ``async with`` block cancels what is not done yet. Without ``work``, results are
    handed on at once.
    """

    def __init__(self, work: Callable[[R], Awaitable[None]] | None) -> None:
        self._work = work
        self._ready: list[R] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, result: R) -> None:
        """Begin with a result."""
        if self._work is None:
            self._ready.append(result)
            return
        self._tasks.add(asyncio.create_task(self._do(self._work, result)))

    def done(self) -> Iterator[R]:
        """Yield those that are done."""
        while self._ready:
            yield self._ready.pop(0)

    async def rest(self) -> AsyncIterator[R]:
        """Wait for the others, and yield them as they are done; what failed is raised."""
        while True:
            for result in self.done():
                yield result
            if not self._tasks:
                return
            done, self._tasks = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def __aenter__(self) -> TaskGroup[R]:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()

    async def _do(self, work: Callable[[R], Awaitable[None]], result: R) -> None:
        await work(result)
        self._ready.append(result)
