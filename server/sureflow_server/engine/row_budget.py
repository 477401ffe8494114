"""How many rows a tick may have: the more, the cheaper each, and the longer every lane waits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf

TARGET_LATENCY_S = 0.035
"""Seconds that a tick should take at most while requests are in a hurry."""

IDLE_TICK_S = 0.01
"""The same while nobody waits: who comes meanwhile waits for the tick to end."""


def rows_within(seconds: float, tick_s: Sequence[float]) -> int:
    """Return the most rows of a tick that takes at most so long; at least one."""
    return max(bisect_right(tick_s, seconds) - 1, 1)


def row_budget(pressing: Iterable[tuple[float, float]], tick_s: Sequence[float]) -> int:
    """Rows that ticks may have while these requests are under way.

    As many as there can be, unless a deadline asks for quicker ticks. Even then no fewer than
    :data:`TARGET_LATENCY_S` allows, and one for every request: otherwise requests without a
    deadline, or with a later one, would pay for it. A request that is too late for ticks of a
    single row has no say.

    Args:
        pressing: Seconds until the deadline, infinity if there is none, and ticks still needed, of
            each request.
        tick_s: Seconds that ticks of 0, 1, 2, ... rows take.
    """
    each = [seconds / ticks for seconds, ticks in pressing]
    allowed = min((seconds for seconds in each if seconds >= tick_s[1]), default=inf)
    enough = rows_within(max(allowed, TARGET_LATENCY_S), tick_s)
    return min(max(enough, len(each)), len(tick_s) - 1)
