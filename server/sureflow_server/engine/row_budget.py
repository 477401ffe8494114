"""How many rows a tick may have: the more, the cheaper each, and the longer every lane waits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf

TARGET_LATENCY_S = 0.035
"""Seconds that a tick should take at most while requests are in a hurry."""

IDLE_TICK_S = 0.01
"""The same while nobody waits, since somebody may come."""


def rows_on_target(tick_s: Sequence[float]) -> int:
    """Return the most rows of a tick that takes at most :data:`TARGET_LATENCY_S`; at least one.

    Args:
        tick_s: Seconds that ticks of 0, 1, 2, ... rows take.
    """
    return max(bisect_right(tick_s, TARGET_LATENCY_S) - 1, 1)


def idle_rows(tick_s: Sequence[float]) -> int:
    """Return the most rows of a tick that nobody waits for; at least one.

    A request that comes meanwhile waits for the tick to end, so that it should be short.

    Args:
        tick_s: Seconds that ticks of 0, 1, 2, ... rows take.
    """
    return max(bisect_right(tick_s, IDLE_TICK_S) - 1, 1)


def row_budget(pressing: Iterable[tuple[float, float]], tick_s: Sequence[float]) -> int:
    """Rows that ticks may have while these requests are under way.

    As many as there can be, unless a deadline asks for quicker ticks. Even then no fewer than
    :func:`rows_on_target`, and one for every request: otherwise requests without a deadline, or
    with a later one, would pay for it. A request that is too late for ticks of a single row has no
    say.

    Args:
        pressing: Seconds until the deadline, infinity if there is none, and ticks still needed, of
            each request.
        tick_s: Seconds that ticks of 0, 1, 2, ... rows take.
    """
    each = [seconds / ticks for seconds, ticks in pressing]
    allowed = min((seconds for seconds in each if seconds >= tick_s[1]), default=inf)
    wanted = max(bisect_right(tick_s, allowed) - 1, rows_on_target(tick_s), len(each))
    return min(wanted, len(tick_s) - 1)
