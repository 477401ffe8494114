"""Answers to idempotency keys, kept for all replicas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fastapi.responses import Response

from sureflow_server.replays import Answer, BusyKeyError, Replays, check
from sureflow_server.replicas.lease_store import Entry, LeaseStore
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
        self._owed: dict[tuple[str, str], str] = {}
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
        for (owner, key), token in owed.items():
            self._finalize(owner, key, token)

    async def _do(
        self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        token, final = self._leases.token(), False
        try:
            entry = await self._claim(owner, key, token, fingerprint)
            if entry is None:
                return await super()._do(owner, key, fingerprint, work)
            if entry.how != "mine":
                final = True
                return _replayed(entry, fingerprint)
            response, first = await work(), None
            if answer := Answer.of(response, fingerprint):
                try:
                    first = await self._share(owner, key, token, answer)
                    final = True
                except StoreUnavailableError:
                    self._keep(owner, key, answer)
            return response if first is None else first.response(fingerprint)
        finally:
            if not final:
                self._finalize(owner, key, token)

    async def _claim(self, owner: str, key: str, token: str, fingerprint: bytes) -> Entry | None:
        """Claim the key; ``None`` if Redis cannot say whether another request has it."""
        try:
            return await self._leases.claim(owner, key, token, fingerprint)
        except StoreUnavailableError:
            return None

    async def _share(self, owner: str, key: str, token: str, answer: Answer) -> Answer | None:
        """Keep an answer for all replicas; return the one that was kept before, if any was."""
        limits = self._lifetime_s, self._max_bytes
        note, body = answer.fingerprint, _written(answer)
        entry = await self._leases.keep(owner, key, token, note, body, *limits)
        return _read(entry) if entry.how == "kept" else None

    def _finalize(self, owner: str, key: str, token: str) -> None:
        """Hand in the answer that is kept here, or give the key up; later, if Redis is gone.

        This runs in a task of its own, since the request may have been cancelled.
        """

        async def finalize() -> None:
            try:
                if answer := self._find(owner, key):
                    with suppress(StoreUnavailableError):
                        await self._share(owner, key, token, answer)
                await self._leases.free(owner, key, token)
            except StoreUnavailableError:
                self._owed[owner, key] = token

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
    head, _, body = entry.body.partition(b"\n")
    status, headers = json.loads(head)
    return Answer(
        entry.note,
        status,
        tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers),
        body,
    )
