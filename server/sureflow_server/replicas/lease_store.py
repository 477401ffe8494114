"""Work that one replica does for all of them, and its results."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from sureflow_server.replicas.link import Link

MOST_CALLS = 1000
"""That make room for one result, each of which is short, so that Redis answers others meanwhile."""

ALL = 2**30
"""More events than any work has."""

How = Literal["mine", "busy", "kept", "lapsed", "none", "dropped", "more"]
"""State of a piece of work: ``mine`` to do; ``busy`` at another replica; ``lapsed``, since that one
is dead; ``kept``, since it has ended; ``dropped``, since its result is too large; ``none`` if it is
not known; ``more`` calls are needed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of work in a lease store.

    Attributes:
        how: Its state.
        note: What its replica says about it.
        body: Its result.
        events: Its events, from the number on that was asked for.
    """

    how: How
    note: bytes = b""
    body: bytes = b""
    events: tuple[bytes, ...] = ()


class Attempt(NamedTuple):
    """One attempt at a piece of work: whose it is, what it is, and what tells it from others."""

    owner: str
    name: str
    token: str

    @classmethod
    def at(cls, owner: str, name: str) -> Attempt:
        """Return another attempt."""
        return cls(owner, name, token_hex(8))


class LeaseStore:
    """Pieces of work by owner and name in Redis: one replica does each, and all see it.

    What has ended is kept for a while, and within a budget: the owner with the most bytes loses the
    oldest first. Owners may be any text. All methods may raise
    :class:`~sureflow_server.store.StoreUnavailableError`.
    """

    def __init__(self, link: Link, name: str, replica: str, lease_ms: int) -> None:
        self._link = link
        self._name = name
        self._replica = replica
        self._lease_ms = lease_ms

    async def claim(self, attempt: Attempt, note: bytes) -> Entry:
        """Begin a piece of work: ``mine``, unless it is ``busy`` elsewhere or ``kept``."""
        return await self._run("claim", *attempt, note)

    async def tell(
        self, attempt: Attempt, note: bytes, body: bytes, first: int, events: list[bytes]
    ) -> Entry:
        """Report how the work goes on, and its events from this number on."""
        return await self._run("tell", *attempt, note, body, first, *events)

    async def keep(
        self, attempt: Attempt, note: bytes, body: bytes, lifetime_s: float, max_bytes: int
    ) -> Entry:
        """Report that the work has ended.

        Returns:
            ``mine``; ``kept``, with the result of another attempt, if that one ended first;
            ``dropped`` if it takes more than all may take together.
        """
        for _ in range(MOST_CALLS):
            entry = await self._run("keep", *attempt, note, body, repr(lifetime_s), max_bytes)
            if entry.how != "more":
                return entry
        await self.free(attempt)
        return Entry("dropped")

    async def free(self, attempt: Attempt) -> None:
        """Give up work that was begun."""
        await self._answer("free", *attempt)

    async def find(self, owner: str, name: str, first: int = 0, most: int = ALL) -> Entry:
        """Look work up, with so many of its events: ``busy``, ``lapsed``, ``kept`` or ``none``."""
        return await self._run("find", owner, name, first, most)

    async def listed(self, owner: str, most: int) -> dict[str, Entry]:
        """Return the work that was reported for an owner, newest first, without its results."""
        found = await self._answer("list", owner, "", most)
        return {name.decode(): Entry(how.decode(), note) for name, how, note in found}

    async def discard(self, owner: str, name: str) -> How:
        """Forget work unless it is busy; return the state that it had."""
        return (await self._run("discard", owner, name)).how

    async def cancel(self, owner: str, name: str) -> How:
        """Ask its replica to end work that is busy; return its state."""
        return (await self._run("cancel", owner, name)).how

    async def _run(
        self, operation: str, owner: str, name: str, *arguments: str | bytes | int
    ) -> Entry:
        answer = await self._answer(operation, owner, name, *arguments)
        how, (note, body), events = [*answer, (b"", b""), ()][:3]
        return Entry(how.decode(), note or b"", body or b"", tuple(events))

    async def _answer(
        self, operation: str, owner: str, name: str, *arguments: str | bytes | int
    ) -> list[Any]:
        whose = quote(owner, safe=":")  # so that no blank is in it, where the script looks for one
        head = operation, self._name, self._replica, self._lease_ms, whose, name
        return await self._link.run("lease_store", *head, *arguments)
