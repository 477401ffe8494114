"""Folders that are tried once more, beside what serves meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)

PAUSE_S = 3.0
"""Seconds before: what ended a process may be over by then, such as a want of memory."""


class Retries:
    """Tries folders once more, one after the other, each once.

    Args:
        bring: Tries one, and takes it into service.

    Attributes:
        pending: Names of those that are still to be tried, or being tried.
    """

    def __init__(self, bring: Callable[[str], Awaitable[None]]) -> None:
        self._bring = bring
        self._tried: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._pauses = 0
        self._ended = asyncio.Event()
        self.pending: dict[str, None] = {}

    def add(self, names: Iterable[str]) -> None:
        """Try these, but for those that have been tried before."""
        new = [name for name in names if name not in self._tried]
        self._tried.update(new)
        self.pending.update(dict.fromkeys(new))
        self._go_on()

    def forget(self, name: str) -> None:
        """Do not try this one any more."""
        self.pending.pop(name, None)

    async def next_end(self) -> None:
        """Wait until one has been tried; return at once if none is to be."""
        if self.pending:
            await self._ended.wait()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Try none meanwhile; one that is being tried begins anew afterwards."""
        self._pauses += 1
        try:
            await self._stop()
            yield
        finally:
            self._pauses -= 1
            self._go_on()

    async def close(self) -> None:
        """Try none any more."""
        self._pauses += 1
        self.pending.clear()
        await self._stop()
        self._ended.set()

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _go_on(self) -> None:
        idle = self._task is None or self._task.done()
        if idle and self.pending and not self._pauses:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await asyncio.sleep(PAUSE_S)
        while self.pending:
            name = next(iter(self.pending))
            try:
                await self._bring(name)
            except Exception:
                log.exception("%s could not be tried once more", name)
            self.forget(name)
            self._ended.set()
            self._ended = asyncio.Event()
