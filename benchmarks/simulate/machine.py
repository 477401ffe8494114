"""A machine on a simulated clock: what a tick costs on it, and who else wants its core."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sureflow_server.engine.row_budget import tick_seconds


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A process that makes everything so many times slower from one time to another."""

    begin: float
    end: float
    slowdown: float


class Machine:
    """Ticks of so many rows take ``tick_s + rows * row_s`` seconds where nobody disturbs.

    Args:
        tick_s: Seconds of every tick.
        row_s: Seconds of every row.
        rows: Most rows of a tick.
        neighbours: One after the other.
    """

    def __init__(
        self, tick_s: float, row_s: float, rows: int, neighbours: Iterable[Neighbour] = ()
    ) -> None:
        self.tick_s = (0.0, *(tick_s + n * row_s for n in range(1, rows + 1)))
        self._neighbours = tuple(neighbours)

    @property
    def row_s(self) -> float:
        """Seconds per row of a full tick."""
        return self.tick_s[-1] / (len(self.tick_s) - 1)

    def seconds(self, rows: int) -> float:
        """Seconds of a tick where nobody disturbs; more rows than the most are done in parts."""
        return tick_seconds(rows, self.tick_s)

    def end(self, begun: float, rows: int) -> float:
        """When a tick that begins then is over."""
        left, now = self.seconds(rows), begun
        for each in self._neighbours:
            if now < each.begin:
                free = min(left, each.begin - now)
                now, left = now + free, left - free
            if left > 0 and now < each.end:
                done = min(left, (each.end - now) / each.slowdown)
                now, left = now + done * each.slowdown, left - done
        return now + left
