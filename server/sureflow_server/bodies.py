"""The bodies of the requests under way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

LAST_S = 1.0
"""Seconds that bodies under way still get once the server is about to end."""

SHARES = 4
"""What all bodies may take together is enough for so many clients."""

Deadline = asyncio.Timeout


class NoRoomError(Exception):
    """As much of bodies is held as may be."""


class Bodies:
    """Bodies of the requests under way: their bytes, by client, and those that still arrive.

    A body counts until its request has been answered, since what it says is held as long.

    Args:
        max_bytes: Of all bodies together; a client may have a share of it.
        least_bytes: What a client may have in any case.
    """

    def __init__(self, max_bytes: int, least_bytes: int) -> None:
        self.max_bytes = max(max_bytes, least_bytes)
        self.share = max(max_bytes // SHARES, least_bytes)
        self.size = 0
        self.sizes: Counter[str] = Counter()
        self.closing = False
        self._arriving: set[Deadline] = set()

    def take(self, client: str, nbytes: int) -> None:
        """Count bytes that have arrived, or will.

        Raises:
            NoRoomError: There is no room for them.
        """
        if self.size + nbytes > self.max_bytes or self.sizes[client] + nbytes > self.share:
            what = f"at most {self.share} bytes of a client, and {self.max_bytes} of all, at a time"
            raise NoRoomError(what)
        self.size += nbytes
        self.sizes[client] += nbytes

    def release(self, client: str, nbytes: int) -> None:
        """Forget what a request has taken."""
        self.size -= nbytes
        self.sizes[client] -= nbytes
        if not self.sizes[client]:
            del self.sizes[client]

    def close(self) -> None:
        """Wait no longer than a moment for bodies, those under way included."""
        self.closing, last = True, asyncio.get_running_loop().time() + LAST_S
        for deadline in self._arriving:
            deadline.reschedule(last)

    @contextmanager
    def arriving(self, deadline: Deadline) -> Iterator[None]:
        """Bring the deadline of a part forward if the server ends while it is waited for."""
        self._arriving.add(deadline)
        try:
            yield
        finally:
            self._arriving.remove(deadline)
