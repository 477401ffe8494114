"""How many rows a tick may have: the more, the cheaper each, and the longer every lane waits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf

TARGET_LATENCY_S = 0.035
"""Seconds that a tick should take at most while requests are in a hurry."""

IDLE_TICK_S = 0.01
"""The same while nobody waits: who comes meanwhile waits for the tick to end."""


def tick_seconds(rows: int, tick_s: Sequence[float]) -> float:
    """Return the seconds of a tick; more rows than the most are evaluated in parts."""
    full, rest = divmod(rows, len(tick_s) - 1)
    return full * tick_s[-1] + tick_s[rest]


def rows_within(seconds: float, tick_s: Sequence[float], slowness: float = 1.0) -> int:
    """Return the most rows of a tick that takes at most so long; at least one.

    Args:
        seconds: Of the tick.
        tick_s: Seconds that ticks of 0, 1, 2, ... rows should take.
        slowness: How many times longer they do take.
    """
    return max(bisect_right(tick_s, seconds / slowness if slowness else inf) - 1, 1)


def row_budget(pressing: Iterable[tuple[float, float]], tick_s: Sequence[float], least: int) -> int:
    """Rows that ticks may have while these requests are under way.

    As many as there can be, unless a deadline asks for quicker ticks. Even then no fewer than the
    ``least``, and one for every request: otherwise requests without a deadline, or with a later
    one, would pay for it. A request that is too late for ticks of a single row has no say.

    Args:
        pressing: Seconds until the deadline, infinity if there is none, and ticks still needed, of
            each request.
        tick_s: Seconds that ticks of 0, 1, 2, ... rows take at present.
        least: Rows that keep ticks brisk on a machine that is not disturbed. Were they fewer while
            it is, every row would cost more just when there is no time for it.
    """
    each = [seconds / ticks for seconds, ticks in pressing]
    allowed = min((seconds for seconds in each if seconds >= tick_s[1]), default=inf)
    return min(max(rows_within(allowed, tick_s), least, len(each)), len(tick_s) - 1)
