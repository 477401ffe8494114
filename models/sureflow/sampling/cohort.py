"""A cohort: the lanes of a request that are compared on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite

from sureflow.core.halving import Halving
from sureflow.core.lane import Rung, Sample
from sureflow.sampling.parked import Parked


@dataclass(frozen=True, slots=True)
class Settled:
    """What a rung came to, by number of the lane: the lanes that go on, and what was dropped."""

    survivors: dict[int, Parked]
    dropped: dict[int, Sample]


class Cohort:
    """Collects the lanes of a request at each rung, until all have reached it or have ended.

    Who goes on is decided by the values of all lanes that are left, and among equals by their
    numbers. So neither the order in which they arrive matters, nor what was decided before: to a
    cohort of the lanes that have survived a rung, that rung does nothing. All lanes have one
    condition and one grid, so that they are of one stratum and arrive at the same times.

    Args:
        halving: The rungs.
        lanes: Numbers of the lanes.
    """

    def __init__(self, halving: Halving, lanes: Iterable[int]) -> None:
        self.halving = halving
        self._running = {*lanes}
        self._parked: dict[int, Parked] = {}

    @property
    def parked(self) -> int:
        """Number of lanes that wait."""
        return len(self._parked)

    @property
    def ended(self) -> bool:
        """Whether no lane is left."""
        return not (self._running or self._parked)

    def arrive(self, lane: int, parked: Parked) -> None:
        """Take in a lane that has reached a rung."""
        self._running.discard(lane)
        self._parked[lane] = parked

    def end(self, lane: int) -> None:
        """Take note that a lane has ended by itself."""
        self._running.discard(lane)

    def settle(self) -> Settled | None:
        """Decide who goes on, if all are there; ``None`` if some are still on their way."""
        if self._running or not self._parked:
            return None
        parked, self._parked = self._parked, {}
        most = self.halving.survivors[self.halving.reached(_time(parked)) - 1]
        order = sorted(parked, key=lambda lane: (*_doubt(parked[lane].value), lane))
        if not _tells(parked):
            most = len(order)
        survivors = {lane: parked[lane] for lane in sorted(order[:most])}
        self._running = {*survivors}
        dropped = {
            lane: _dropped(parked[lane], rank, len(order), most)
            for rank, lane in enumerate(order[most:], most + 1)
        }
        return Settled(survivors, dropped)


def _time(parked: Mapping[int, Parked]) -> float:
    return next(iter(parked.values())).t


def _tells(parked: Mapping[int, Parked]) -> bool:
    """Whether the values tell any lane from another one."""
    known = {each.value for each in parked.values() if isfinite(each.value)}
    return len(known) > 1


def _doubt(value: float) -> tuple[bool, float]:
    return (False, value) if isfinite(value) else (True, 0.0)


def _dropped(parked: Parked, rank: int, lanes: int, survivors: int) -> Sample:
    value = parked.value if isfinite(parked.value) else None
    return replace(parked.sample, rung=Rung(parked.t, value, rank, lanes, survivors))
