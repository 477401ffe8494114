"""This server among others over the same Redis."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

from sureflow_server.engine.account import Limits
from sureflow_server.replicas.accounts import SharedAccounts
from sureflow_server.replicas.board import SharedBoard
from sureflow_server.replicas.lease_store import LeaseStore
from sureflow_server.replicas.link import Link
from sureflow_server.replicas.replays import SharedReplays
from sureflow_server.store import StoreUnavailableError

log = logging.getLogger(__name__)

LEASE_S = 10.0
"""Silence after which a replica counts as dead."""

BEAT_S = 0.5
"""Between two signs of life; a replica learns at each of them which jobs it is to cancel."""


class Replica:
    """Says that this server is alive, and makes what it shares with the others.

    Attributes:
        id: By which the others know it; another one every time that the server starts.
        fingerprints: What this server makes its models on, by name and version.
        differing: Models that others make on other kernels, by name and version.
    """

    def __init__(self, link: Link, lease_s: float = LEASE_S, beat_s: float = BEAT_S) -> None:
        self.id = token_hex(8)
        self.fingerprints: Callable[[], dict[str, str]] = dict
        self.differing: list[str] = []
        self._link = link
        self._lease_ms = round(lease_s * 1000)
        self._beat_s = beat_s
        self._beating: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._on_cancel: list[Callable[[str], None]] = []
        self._absences = 0
        self._on_beat: list[Callable[[bool], None]] = []

    def accounts(self, default: Limits) -> SharedAccounts:
        """Return the accounts of all keys, counted over all replicas."""
        accounts = SharedAccounts(default, self._link, self.id, self._lease_ms)
        self._on_beat.append(accounts.tell)
        return accounts

    def replays(self, max_bytes: int, lifetime_s: float) -> SharedReplays:
        """Return the answers that are kept, of all replicas."""
        replays = SharedReplays(self.lease_store("replays"), max_bytes, lifetime_s)
        self._on_beat.append(replays.tell)
        return replays

    def board(self, max_bytes: int, lifetime_s: float) -> SharedBoard:
        """Return the jobs of all replicas."""
        board = SharedBoard(self.lease_store("jobs"), max_bytes, lifetime_s)
        self._on_cancel.append(board.cancel)
        return board

    async def start(self) -> None:
        """Give the first sign of life, and go on with it."""
        await self._beat()
        self._beating = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Let the others know at once that nothing more comes from here."""
        # Not cancelled: a call to Redis may take no notice of that.
        self._stopping.set()
        if self._beating is not None:
            await self._beating
        await self._link.close("presence", "leave", self.id)

    async def _go_on(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await self._stopping.wait()
                    return
            await self._beat()

    async def _beat(self) -> None:
        try:
            names, others = await self._link.probe(
                "presence", "beat", self.id, self._lease_ms, json.dumps(self.fingerprints())
            )
        except StoreUnavailableError:
            return
        self._compare([told for other in others if (told := _read(other)) is not None])
        for cancel in self._on_cancel:
            for name in names:
                cancel(name.decode(errors="replace"))
        # Not only after one's own return: another call may have been the first to get through, and
        # one that began before may fail after.
        was_away, self._absences = self._absences != self._link.absences, self._link.absences
        for tell in self._on_beat:
            tell(was_away)

    def _compare(self, others: list[dict[str, str]]) -> None:
        """Find the models that others make on other kernels; say so when that changes."""
        own = self.fingerprints()
        found = sorted(
            model
            for model, fingerprint in own.items()
            if any(other.get(model, fingerprint) != fingerprint for other in others)
        )
        if found != self.differing:
            log.warning(
                "replicas compute on other kernels: %s", ", ".join(found) or "none any more"
            )
        self.differing = found

    def lease_store(self, name: str) -> LeaseStore:
        """Return the lease store of this name, which all replicas share."""
        return LeaseStore(self._link, name, self.id, self._lease_ms)


def _read(text: bytes) -> dict[str, str] | None:
    """What another replica tells; ``None`` where something else is in its place."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
