"""Memory that is free and has not been given back to the system."""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle

from sureflow.allocator import give_back

LARGE_BYTES = 1 << 20
"""Let go of, after which memory is given back."""

REST_S = 1.0
"""Until it is, so that it is done once for many answers."""


class Heap:
    """Gives memory back some time after much has been let go of.

    What the C library keeps for later would count as if it were in use.
    """

    def __init__(self) -> None:
        self._freed = 0
        self._timer: TimerHandle | None = None

    def freed(self, nbytes: int) -> None:
        """Take note of bytes that have been let go of, in an event loop."""
        self._freed += nbytes
        if self._timer is None and self._freed >= LARGE_BYTES:
            self._timer = asyncio.get_running_loop().call_later(REST_S, self.give_back)

    def give_back(self) -> None:
        """Give back what is free, beside the event loop."""
        if self._timer is not None:
            self._timer.cancel()
        self._freed, self._timer = 0, None
        asyncio.get_running_loop().run_in_executor(None, give_back)
