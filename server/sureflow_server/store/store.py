"""Where handles live: the protocol that every store keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sureflow_server.store.handle import Handle

MAX_STEP = 2**31 - 1
"""No trajectory has more steps; questions about later ones are answered as about this one."""

REMEMBER_S = 24 * 3600.0
"""Seconds for which an expired handle is told apart from one that never was."""

REMEMBERED = 100_000
"""Expired handles remembered at most; they take room that no budget counts."""

Clock = Callable[[], float]
"""Returns seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A handle as it is listed, without its payloads.

    Attributes:
        nbytes: What it counts for without its frames.

    The others are those of :class:`~sureflow_server.store.handle.Handle`.
    """

    id: str
    model: str
    model_version: str
    created: float
    expires: float
    note: bytes
    nbytes: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some of an owner's handles, newest first.

    Attributes:
        entries: The handles.
        next: Where the next page begins; ``None`` if there is none.
    """

    entries: tuple[Entry, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a store is.

    Attributes:
        bytes: All that counts, never more than ``max_bytes``: payloads, and for each handle and
            frame :data:`~sureflow_server.store.handle.OVERHEAD`.
        max_bytes: The budget.
        handles: How many there are.
        frames: How many key frames they have.
        evictions: Frames that had to go for want of room, by what this process did since it opened
            the store.
    """

    bytes: int
    max_bytes: int
    handles: int
    frames: int
    evictions: int


def check_steps(frames: Mapping[int, bytes]) -> None:
    """Refuse frames at steps that no trajectory has.

    Raises:
        ValueError: A step is negative or above :data:`MAX_STEP`.
    """
    for step in frames:
        if not 0 <= step <= MAX_STEP:
            raise ValueError(f"frames: there is no step {step}")


class Store(Protocol):
    """Keeps handles until they expire, and of their key frames as many as there is room for.

    **Budget.** The bytes of everything kept never exceed it, not for a moment. For room, what has
    expired goes first, then frames, which can be made again: of whoever has most bytes of frames,
    those that were not used for longest. Then the oldest handles of whoever has most bytes of
    handles, as long as that is more than the owner of the new one has with it. So one owner may use
    all of the store, nobody can drive out what others have, and nobody loses a live handle to one
    of their own; if there is no room then, putting it is refused.

    **Clock.** A store goes by one clock, that of the machine it is on. Lifetimes, not times, are
    what it takes from a handle, so that servers whose clocks differ can share it. If that clock
    jumps forward, handles expire early; if it jumps back, late. No count goes wrong by it.

    All methods may raise :class:`~sureflow_server.store.errors.StoreUnavailableError`; those that
    take the id of a handle raise :class:`~sureflow_server.store.errors.UnknownHandleError` (for
    text that is no id, too) and :class:`~sureflow_server.store.errors.ExpiredHandleError`. A call
    that is cancelled has happened as a whole or not at all.

    Attributes:
        trouble: What a person has to mend before anything can be kept again, without any path;
            ``None`` if nothing is known of any.
        damaged: How many handles are known to have lost their payloads, or parts of them.
    """

    @property
    def trouble(self) -> str | None:
        """See above."""

    @property
    def damaged(self) -> int:
        """See above."""

    async def put(self, handle: Handle, frames: Mapping[int, bytes]) -> Handle:
        """Keep a handle, all of it or nothing.

        An id that is there already is left as it is, so that a call may be repeated.

        Args:
            handle: It lives from now on for as long as it says: ``expires - created``.
            frames: Key frames by step, those first that matter most. Those for which there is no
                room are left out.

        Returns:
            The handle as it is kept, its times by the clock of the store.

        Raises:
            StoreFullError: Live handles of owners who have no more leave no room;
                ``HandleTooLargeError``: nor would an empty store.
        """

    async def get(self, id: str, owner: str | None = None) -> Handle:
        """Return a handle.

        Args:
            id: The handle.
            owner: To whom all others are unknown; ``None`` looks at any.

        Raises:
            DamagedHandleError: Its bytes are not those that were put.
        """

    async def frame(self, id: str, at_most: int) -> tuple[int, bytes] | None:
        """Return step and bytes of the last frame at this step or before; ``None`` without one."""

    async def frames(self, id: str) -> list[tuple[int, int]]:
        """Return the step and the number of bytes of each frame kept, by step."""

    async def add_frames(self, id: str, frames: Mapping[int, bytes]) -> None:
        """Keep frames that were made again, as far as there is room; see :meth:`put`.

        Raises:
            StoreFullError: The disk is full, or Redis is; none was kept.
        """

    async def delete(self, id: str, owner: str | None = None) -> None:
        """Remove a handle and its frames, damaged or not; it is unknown from now on.

        Where the disk is full this makes room.

        Args:
            id: The handle.
            owner: As for :meth:`get`.
        """

    async def owned(self, owner: str, limit: int = 100, before: int | None = None) -> Page:
        """Return an owner's live handles, newest first.

        Args:
            owner: Id of a key.
            limit: Entries on the page.
            before: ``next`` of the page before this one.
        """

    async def sweep(self) -> int:
        """Remove what has expired, which frees its bytes; return how many handles that was."""

    async def usage(self) -> Usage:
        """Return how full the store is."""

    async def close(self) -> None:
        """Finish what is under way and close the folder or connection."""
