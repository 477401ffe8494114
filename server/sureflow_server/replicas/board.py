"""The jobs of all replicas."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

from sureflow_server.api.background import Background
from sureflow_server.api.board import Board
from sureflow_server.api.remote_job import RemoteJob, write_event
from sureflow_server.replicas.lease_store import Attempt, Entry, LeaseStore
from sureflow_server.store import StoreUnavailableError

log = logging.getLogger(__name__)

EVERY_S = 0.25
"""Shortest time between two words about the same job."""

WORDS_PER_S = 200
"""About all jobs of a replica."""

NO_EVENTS = 2**31 - 1
"""Higher than the number of any."""

AGAIN_S = 1.0
"""After which Redis is told again what it could not be told."""


class SharedBoard(Board):
    """Jobs, each of which runs at one replica and can be asked after at any.

    While a job runs its replica tells how it goes on; its result goes to Redis and is nowhere else
    then. While Redis is gone a job is known where it runs. If its replica dies it has failed.
    """

    def __init__(self, leases: LeaseStore, max_bytes: int, lifetime_s: float) -> None:
        super().__init__(max_bytes, lifetime_s)
        self._leases = leases
        self._finishing = False
        self._told: dict[str, _Told] = {}

    async def add(self, job: Background) -> None:
        """See :meth:`~sureflow_server.api.board.Board.add`; returns when others know of it."""
        told = self._told[job.id] = _Told(Attempt.at(job.owner, job.id))
        await super().add(job)
        await told.once.wait()

    async def find(self, id: str, owner: str) -> Background | RemoteJob | None:
        """See :meth:`~sureflow_server.api.board.Board.find`."""
        if job := await super().find(id, owner):
            return job
        entry = await self._leases.find(owner, id, NO_EVENTS)
        return None if entry.how == "none" else self._remote(owner, id, entry)

    async def owned(self, owner: str, limit: int) -> list[Background | RemoteJob]:
        """See :meth:`~sureflow_server.api.board.Board.owned`; of all replicas."""
        told = await self._leases.listed(owner, limit)
        here = await super().owned(owner, limit)
        ids = {job.id for job in here}
        others = (self._remote(owner, id, entry) for id, entry in told.items() if id not in ids)
        found = [*here, *(job for job in others if job is not None)]
        return sorted(found, key=lambda job: job.created, reverse=True)[:limit]

    async def discard(self, job: Background | RemoteJob) -> None:
        """See :meth:`~sureflow_server.api.board.Board.discard`; others know of it then."""
        told = None if isinstance(job, RemoteJob) else self._told.get(job.id)
        await super().discard(job)
        if told is not None:
            await told.end.wait()

    async def finish(self) -> None:
        """See :meth:`~sureflow_server.api.board.Board.finish`; others can have the results then."""
        self._finishing = True
        await super().finish()

    def cancel(self, id: str) -> None:
        """Cancel a job, as another replica was asked to."""
        job = self._jobs.get(id)
        if job is not None and job.ended is None:
            self._begin(job.cancel())

    def _remote(self, owner: str, id: str, entry: Entry) -> RemoteJob | None:
        """A job of another replica; ``None`` if something else is in its place."""
        try:
            return RemoteJob(self._leases, owner, id, entry)
        except (ValueError, KeyError, TypeError):
            log.warning("job %s cannot be read in Redis", id)
            return None

    async def _until_it_ends(self, job: Background) -> None:
        told = self._told[job.id]
        telling = asyncio.create_task(self._go_on(job, told))
        try:
            await super()._until_it_ends(job)
            # What is being told now is told to its end, so that nothing comes out of order.
            async with told.order:
                telling.cancel()
            await self._hand_in(job, told)
        finally:
            telling.cancel()
            del self._told[job.id]
            told.once.set()
            told.end.set()

    async def _go_on(self, job: Background, told: _Told) -> None:
        """Tell how a job goes on."""
        while job.ended is None:
            changed = job.changed
            heard = await self._tell(job, told)
            told.once.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if heard else AGAIN_S):
                    await changed.wait()
            await asyncio.sleep(max(EVERY_S, len(self._told) / WORDS_PER_S))

    async def _hand_in(self, job: Background, told: _Told) -> None:
        """Tell how a job has ended, until Redis hears of it or it is forgotten."""
        while not await self._tell(job, told):
            told.once.set()  # it may have ended before it was told of at all
            told.end.set()
            if self._finishing or job.id not in self._jobs:
                return
            await asyncio.sleep(AGAIN_S)
        self._forget(job.id)

    async def _tell(self, job: Background, told: _Told) -> bool:
        """Tell how a job stands; returns whether Redis has heard."""
        async with told.order:
            await job.numbered(told.events)  # what follows is of one moment
            ended = job.ended is not None
            note = json.dumps({"record": job.record(), "lost": job.lost()}).encode()
            about = told.attempt, note, b"".join(job.result)
            try:
                for first in (told.events, 0):
                    events = [write_event(*event) for event in await job.numbered(first)]
                    heard = await self._leases.tell(*about, first, events)
                    told.events = first + len(events)
                    if heard.how != "none":
                        break
                if ended:
                    await self._leases.keep(*about, self._lifetime_s, self._max_bytes)
            except StoreUnavailableError:
                return False
            return True


class _Told:
    """How far others know of a job.

    Attributes:
        attempt: As which they know it.
        events: How many events they know.
        once: Set when it has been tried to tell them of it.
        end: Set when it has been tried to tell them that it has ended.
        order: Held while they are being told.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.events = 0
        self.once = asyncio.Event()
        self.end = asyncio.Event()
        self.order = asyncio.Lock()
