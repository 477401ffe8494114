"""Successive halving: how many lanes of a request go on at times on the way."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import ceil

RUNGS = (0.2, 0.4, 0.6)
"""Times at which the lanes of a request are compared, where their score foretells so early."""

APART = 0.1
"""Time between the rungs of a score that foretells only later."""

SAME = 1e-9
"""Times this close are one."""


@dataclass(frozen=True, slots=True)
class Halving:
    """Rungs at which the lanes of a request wait for each other, and the least sure are dropped.

    Who is dropped depends on the lanes that are left alone, not on what was dropped before. So a
    worker that takes over what is left of a request comes to the same.

    Attributes:
        rungs: Times in (0, 1), ascending. A lane reaches a rung at the beginning of its first step
            at or after it.
        survivors: Most lanes that go on from each rung, not rising.
    """

    rungs: tuple[float, ...]
    survivors: tuple[int, ...]

    def reached(self, t: float) -> int:
        """Number of rungs that a lane at this time has reached."""
        return bisect_right(self.rungs, t + SAME)


def rungs_from(foretells: float) -> tuple[float, ...]:
    """The rungs for a score that foretells from a time on; none if that is the end."""
    if foretells <= RUNGS[0]:
        return RUNGS
    later = (round(foretells + number * APART, 9) for number in range(len(RUNGS)))
    return tuple(t for t in later if t < 1 - SAME)


def halve(lanes: int, finish: int, rungs: tuple[float, ...] = RUNGS) -> Halving:
    """Drop half of so many lanes at every rung, and finish so many at least.

    Source: Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
    Optimization (2016); there an arm is a training run, here it is a sample.
    """
    survivors = []
    for _ in rungs:
        lanes = max(ceil(lanes / 2), finish)
        survivors.append(lanes)
    return Halving(rungs, tuple(survivors))
