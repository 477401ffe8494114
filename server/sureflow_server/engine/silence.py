"""Whether a process has been silent for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK_S = 0.5
"""Longest time between two looks at whether a process has been heard of."""

LOOKS = 8
"""Fewest looks before a process is given up."""


class Silence:
    """Counts for how long a process has been silent, in looks.

    While this process stands still itself, it cannot hear; then it does not look either.

    Args:
        limit_s: Seconds of silence after which ``too_long`` is called, once.
        too_long: What to do then.
    """

    def __init__(self, limit_s: float, too_long: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._too_long = too_long
        self.limit_s = limit_s
        self._silent_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    def broken(self) -> None:
        """Begin to count anew, as the process has been heard of."""
        self._silent_s = 0.0

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if self._silent_s > self.limit_s:
            self._too_long()
            return
        pause = min(LOOK_S, self.limit_s / LOOKS)
        self._silent_s += pause
        self._timer = self._loop.call_later(pause, self._look)
