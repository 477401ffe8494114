"""Answers to idempotency keys, kept for all replicas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fastapi.responses import Response

from sureflow_server.replays import Answer, BusyKeyError, Replays, check
from sureflow_server.replicas.lease_store import Attempt, Entry, LeaseStore
from sureflow_server.store import StoreUnavailableError

LOOK_S = 0.05
"""Between two looks at whether another replica is done."""


class SharedReplays(Replays):
    """Does the work of one key of one owner once, whichever replica is asked.

    A replica that dies leaves its keys free. While Redis is gone a replica knows only its own
    answers. It hands them in once Redis is back.
    """

    def __init__(self, leases: LeaseStore, max_bytes: int, lifetime_s: float) -> None:
        super().__init__(max_bytes, lifetime_s)
        self._leases = leases
        self._owed: dict[tuple[str, str], Attempt] = {}
        self._finalizing: set[asyncio.Task[None]] = set()

    async def idle(self, owner: str, key: str) -> None:
        """See :meth:`~sureflow_server.replays.Replays.idle`."""
        await super().idle(owner, key)
        with suppress(StoreUnavailableError):
            while (await self._leases.find(owner, key)).how == "busy":
                await asyncio.sleep(LOOK_S)

    def tell(self, was_away: bool) -> None:
        """Finalize what could not be finalized, most likely because Redis was gone."""
        owed, self._owed = self._owed, {}
        for attempt in owed.values():
            self._finalize(attempt)

    async def _do(
        self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        attempt, final = Attempt.at(owner, key), False
        entry: Entry | None = None
        try:
            with suppress(StoreUnavailableError):
                entry = await self._leases.claim(attempt, fingerprint)
            if entry is None:  # Redis cannot say whether another request has the key
                return await super()._do(owner, key, fingerprint, work)
            if entry.how != "mine":
                final = True
                return _replayed(entry, fingerprint)
            response, first = await work(), None
            if answer := Answer.of(response, fingerprint):
                try:
                    first = await self._share(attempt, answer)
                    final = True
                except StoreUnavailableError:
                    self._keep(owner, key, answer)
            return response if first is None else first.response(fingerprint)
        finally:
            if not final:
                self._finalize(attempt)

    async def _share(self, attempt: Attempt, answer: Answer) -> Answer | None:
        """Keep an answer for all replicas; return the one that was kept before, if any was."""
        about = attempt, answer.fingerprint, _written(answer)
        entry = await self._leases.keep(*about, self._lifetime_s, self._max_bytes)
        return _read(entry) if entry.how == "kept" else None

    def _finalize(self, attempt: Attempt) -> None:
        """Hand in the answer that is kept here, or give the key up; later, if Redis is gone.

        This runs in a task of its own, since the request may have been cancelled.
        """

        async def finalize() -> None:
            try:
                if answer := self._find(attempt.owner, attempt.name):
                    with suppress(StoreUnavailableError):
                        await self._share(attempt, answer)
                await self._leases.free(attempt)
            except StoreUnavailableError:
                self._owed[attempt.owner, attempt.name] = attempt

        task = asyncio.create_task(finalize())
        self._finalizing.add(task)
        task.add_done_callback(self._finalizing.discard)


def _replayed(entry: Entry, fingerprint: bytes) -> Response:
    """What another replica has answered, if it has.

    Raises:
        BusyKeyError: It has not yet.
        ReusedKeyError: It is about another request.
    """
    if entry.how == "kept":
        return _read(entry).response(fingerprint)
    check(entry.note, fingerprint)
    raise BusyKeyError


def _written(answer: Answer) -> bytes:
    headers = [[each.decode("latin-1") for each in header] for header in answer.headers]
    return json.dumps([answer.status, headers]).encode() + b"\n" + answer.body


def _read(entry: Entry) -> Answer:
    """Return a kept answer.

    Raises:
        StoreUnavailableError: Something else is in its place.
    """
    head, _, body = entry.body.partition(b"\n")
    try:
        status, headers = json.loads(head)
        pairs = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreUnavailableError("the kept answer is damaged") from error
    return Answer(entry.note, status, pairs, body)
