"""Successive halving offline: what the server does for a filter with ``early: halving``."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sureflow.core.halving import Halving
from sureflow.core.lane import LaneSpec, Sample
from sureflow.model import Model
from sureflow.sampling.cohort import Cohort
from sureflow.sampling.parked import Parked
from sureflow.sampling.sampler import Sampler

Number = tuple[int, int]
"""Of a lane: that of its cohort, and that among its lanes."""


def run_halved(
    model: Model, cohorts: Sequence[Sequence[LaneSpec]], halving: Halving, capacity: int = 32
) -> list[list[Sample]]:
    """Run cohorts of lanes, each of which compares its own; returns their samples in that order.

    Those that were dropped have the finish reason ``abandoned``, and a ``rung``. Capacity changes
    the speed, never the samples.
    """
    return _Halved(model, cohorts, halving, capacity).run()


class _Halved:
    """Lanes of several cohorts on their way."""

    def __init__(
        self, model: Model, cohorts: Sequence[Sequence[LaneSpec]], halving: Halving, capacity: int
    ) -> None:
        self._sampler, self._halving = Sampler(model, capacity), halving
        self._specs = cohorts
        self._cohorts = [Cohort(halving, range(len(specs))) for specs in cohorts]
        self._waiting: deque[tuple[Number, Parked | None]] = deque(
            ((cohort, lane), None)
            for cohort, specs in enumerate(cohorts)
            for lane in range(len(specs))
        )
        self._running: dict[int, Number] = {}
        self._found: dict[Number, Sample] = {}
        self._tickets = 0

    def run(self) -> list[list[Sample]]:
        """Run them all to their end."""
        while self._waiting or self._sampler.running:
            self._admit()
            tick = self._sampler.tick()
            for ticket, sample in tick.finished:
                self._end(self._running.pop(ticket), sample)
            for ticket, parked in tick.parked:
                cohort, lane = self._running.pop(ticket)
                self._cohorts[cohort].arrive(lane, parked)
                self._settle(cohort)
        return [
            [self._found[cohort, lane] for lane in range(len(specs))]
            for cohort, specs in enumerate(self._specs)
        ]

    def _admit(self) -> None:
        while self._waiting and self._sampler.free:
            number, parked = self._waiting.popleft()
            spec = self._specs[number[0]][number[1]]
            self._sampler.admit(self._tickets, spec, rungs=self._halving.rungs, parked=parked)
            self._running[self._tickets] = number
            self._tickets += 1

    def _end(self, number: Number, sample: Sample) -> None:
        cohort, lane = number
        self._found[number] = sample
        self._cohorts[cohort].end(lane)
        self._settle(cohort)

    def _settle(self, number: int) -> None:
        settled = self._cohorts[number].settle()
        if settled is not None:
            self._found.update({(number, lane): s for lane, s in settled.dropped.items()})
            # Before the lanes of later cohorts, so that few wait at a time.
            ready = [((number, lane), parked) for lane, parked in settled.survivors.items()]
            self._waiting.extendleft(reversed(ready))
