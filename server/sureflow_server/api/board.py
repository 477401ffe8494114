"""All jobs: those under way, and those that have ended and may still be asked after."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import islice
from time import monotonic
from typing import Any

from sureflow_server.api.background import Background
from sureflow_server.api.remote_job import RemoteJob


class Board:
    """Keeps jobs by their id. Ended ones are forgotten after a while, or for want of room.

    Those under way are bounded by the samples that the engine takes. Among ended ones the oldest of
    whoever has most go first, so that nobody can drive out the results of the others.

    Args:
        max_bytes: Of the results of all ended jobs together.
        lifetime_s: Seconds for which they are kept.
        clock: Of the lifetimes, in seconds; one that does not jump.

    Attributes:
        size: Bytes that ended jobs are counted with.
        freed: Told of bytes of jobs that are forgotten.
    """

    def __init__(
        self, max_bytes: int, lifetime_s: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._max_bytes = max_bytes
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._jobs: dict[str, Background] = {}
        self._ended: dict[str, tuple[int, float]] = {}
        self._of: dict[str, dict[str, None]] = {}
        self._taken: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.size = 0
        self.freed: Callable[[int], None] = lambda nbytes: None

    def __len__(self) -> int:
        return len(self._jobs)

    async def add(self, job: Background) -> None:
        """Keep a job that is under way."""
        self._expire()
        self._jobs[job.id] = job
        self._begin(self._until_it_ends(job))

    async def find(self, id: str, owner: str) -> Background | RemoteJob | None:
        """Return a job of this owner; that of another is none.

        Raises:
            StoreUnavailableError: It may be another replica's, and Redis is gone.
        """
        self._expire()
        job = self._jobs.get(id)
        return job if job is not None and job.owner == owner else None

    async def owned(self, owner: str, limit: int) -> list[Background | RemoteJob]:
        """Return at most so many jobs of this owner, newest first.

        Raises:
            StoreUnavailableError: There may be more at other replicas, and Redis is gone.
        """
        self._expire()
        mine = (job for job in reversed(self._jobs.values()) if job.owner == owner)
        return list(islice(mine, limit))

    async def discard(self, job: Background | RemoteJob) -> None:
        """Cancel a job that is under way; forget one that has ended.

        Raises:
            StoreUnavailableError: It is another replica's, and Redis is gone.
        """
        if isinstance(job, RemoteJob):
            await job.discard()
        elif job.ended is None:
            await job.cancel()
        else:
            self._forget(job.id)

    async def finish(self) -> None:
        """Wait for all jobs that are under way."""
        while self._tasks:
            await asyncio.wait({*self._tasks})

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_it_ends(self, job: Background) -> None:
        await job.wait()
        size = job.size
        self._ended[job.id] = size, self._clock()
        self._of.setdefault(job.owner, {})[job.id] = None
        self._taken[job.owner] += size
        self.size += size
        self._make_room()

    def _make_room(self) -> None:
        while self.size > self._max_bytes:
            most = max(self._taken, key=self._taken.__getitem__)
            self._forget(next(iter(self._of[most])))

    def _expire(self) -> None:
        past = self._clock() - self._lifetime_s
        while self._ended:
            id, (_, since) = next(iter(self._ended.items()))
            if since > past:
                return
            self._forget(id)

    def _forget(self, id: str) -> None:
        job = self._jobs.pop(id, None)
        size, _ = self._ended.pop(id, (0, 0.0))
        self.size -= size
        if job is not None and size:
            self._taken[job.owner] -= size
            del self._of[job.owner][id]
            if not self._of[job.owner]:
                del self._of[job.owner], self._taken[job.owner]
        self.freed(size)
