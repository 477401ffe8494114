"""Pages of metrics for whoever asks, few a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY_S = 0.02
"""Seconds between the beginnings of two pages; one takes some milliseconds of a core."""


class Scrapes:
    """Makes pages in a thread, one at a time; all who wait for the same one share it.

    A page is never older than the question: whoever asks while one is being made gets the next.

    Args:
        make: Makes a page.
    """

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._order = asyncio.Lock()
        self._next: asyncio.Task[bytes] | None = None
        self._begun = 0.0

    async def page(self) -> bytes:
        """Return a page that has been begun since."""
        if self._next is None:
            self._next = asyncio.create_task(self._made())
        return await asyncio.shield(self._next)

    async def _made(self) -> bytes:
        clock = asyncio.get_running_loop().time
        async with self._order:
            await asyncio.sleep(max(self._begun + EVERY_S - clock(), 0.0))
            self._begun, self._next = clock(), None
            return await asyncio.to_thread(self._make)
