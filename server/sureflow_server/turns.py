"""A loop that may be long, and whose steps never wait, gives others their turns."""

from __future__ import annotations

import asyncio

STEPS = 32
"""Of a turn, where each takes some ten microseconds."""


class Turns:
    """Gives others a turn of the event loop after every so many steps.

    Args:
        steps: Of one turn.
    """

    def __init__(self, steps: int = STEPS) -> None:
        self._steps, self._taken = steps, 0

    async def step(self) -> None:
        """Take note of a step that is done; return when it is time for the next one."""
        self._taken += 1
        if self._taken >= self._steps:
            self._taken = 0
            await asyncio.sleep(0)
