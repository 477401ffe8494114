"""What replicas do once for all of them, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from sureflow_server.replicas.link import Link

How = Literal["mine", "busy", "kept", "lapsed", "none", "dropped"]
"""How something stands: ``mine`` to do; ``busy`` at another replica, or ``lapsed`` as that one is
dead; ``kept``, as it has ended; ``dropped``, as it is too large to be kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a lease store.

    Attributes:
        how: How it stands.
        note: What its replica says about it.
        body: What came of it.
        events: What has happened, from the number on that was asked for.
    """

    how: How
    note: bytes = b""
    body: bytes = b""
    events: tuple[bytes, ...] = ()


class LeaseStore:
    """Things by owner and name in Redis: one replica does each, and all see it.

    All that has ended is kept for a while, and within a budget: the oldest of whoever has most goes
    first. Names of an owner are without spaces. All methods may raise
    :class:`~sureflow_server.store.StoreUnavailableError`.

    Args:
        link: To Redis.
        name: Of the store.
        replica: Id of this one.
        lease_ms: After how long it counts as dead.
    """

    def __init__(self, link: Link, name: str, replica: str, lease_ms: int) -> None:
        self._link = link
        self._name = name
        self._replica = replica
        self._lease_ms = lease_ms

    @staticmethod
    def token() -> str:
        """Draw what tells one doing of a thing from another one."""
        return token_hex(8)

    async def claim(self, owner: str, name: str, token: str, note: bytes) -> Entry:
        """Begin with something: ``mine``, unless it is ``busy`` elsewhere or ``kept``."""
        return await self._run("claim", owner, name, token, note)

    async def tell(
        self,
        owner: str,
        name: str,
        token: str,
        note: bytes,
        body: bytes,
        first: int,
        events: list[bytes],
    ) -> Entry:
        """Say how something goes on, and what has happened from the event of this number on."""
        return await self._run("tell", owner, name, token, note, body, first, *events)

    async def keep(
        self,
        owner: str,
        name: str,
        token: str,
        note: bytes,
        body: bytes,
        lifetime_s: float,
        max_bytes: int,
    ) -> Entry:
        """Say that something has ended.

        Returns:
            ``mine``; ``kept``, with what came of it elsewhere, if somebody has ended it before;
            ``dropped`` if it takes more than all may take together.
        """
        lifetime = repr(lifetime_s)
        return await self._run("keep", owner, name, token, note, body, lifetime, max_bytes)

    async def free(self, owner: str, name: str, token: str) -> None:
        """Give up what was begun."""
        await self._link.run("lease_store", *self._head("free", owner, name), token)

    async def find(self, owner: str, name: str, first: int = 0) -> Entry:
        """Look something up: ``busy``, ``lapsed``, ``kept`` or ``none``."""
        return await self._run("find", owner, name, first)

    async def listed(self, owner: str, most: int) -> dict[str, Entry]:
        """Return what an owner's replicas have told of, newest first, without what came of it."""
        found: list[Any] = await self._link.run("lease_store", *self._head("list", owner, ""), most)
        return {name.decode(): Entry(how.decode(), note) for name, how, note in found}

    async def discard(self, owner: str, name: str) -> How:
        """Forget something unless it is busy; return how it stood."""
        return (await self._run("discard", owner, name)).how

    async def cancel(self, owner: str, name: str) -> How:
        """Ask its replica to end what is busy; return how it stands."""
        return (await self._run("cancel", owner, name)).how

    async def _run(
        self, operation: str, owner: str, name: str, *arguments: str | bytes | int
    ) -> Entry:
        answer: list[Any] = await self._link.run(
            "lease_store", *self._head(operation, owner, name), *arguments
        )
        how, (note, body), events = [*answer, (b"", b""), ()][:3]
        return Entry(how.decode(), note or b"", body or b"", tuple(events))

    def _head(self, operation: str, owner: str, name: str) -> tuple[str | int, ...]:
        return operation, self._name, self._replica, self._lease_ms, owner, name
