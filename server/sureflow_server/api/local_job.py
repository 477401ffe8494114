"""A job of this server, as those know it who keep jobs and say how they stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Protocol

from sureflow_server.engine.job import Job


class LocalJob(Protocol):
    """What :class:`~sureflow_server.api.background.Background` is to them; see there."""

    id: str
    owner: str
    created: float
    ended: float | None
    changed: asyncio.Event

    @property
    def size(self) -> int:
        """Bytes that it is counted with."""

    async def wait(self) -> None:
        """Wait until it has ended."""

    async def cancel(self) -> None:
        """Free its lanes, unless it has ended; returns when that is so."""

    def summary(self, expires: float | None) -> dict[str, Any]:
        """Return how it stands in short, the schema being ``JobSummary``."""

    def record(self, before: Callable[[Job], int], expires: float | None) -> dict[str, Any]:
        """Return how it stands, the schema being ``JobRecord``."""

    def events(self, first: int) -> AsyncGenerator[tuple[int | None, str, dict[str, Any]]]:
        """Yield events from this number on, with their numbers and names, to the last one."""

    def numbered(self, first: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what has happened so far, from this number on; the end is the last."""

    def lost(self) -> dict[str, Any]:
        """Return why it will have failed if this server dies."""
