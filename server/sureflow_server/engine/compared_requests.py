"""Requests whose lanes wait for each other at rungs, where the least sure are dropped."""

from __future__ import annotations

from dataclasses import dataclass

from sureflow.core.lane import Sample
from sureflow.sampling.cohort import Cohort
from sureflow_server.engine.messages import Submit
from sureflow_server.engine.request_lane import RequestLane


@dataclass(frozen=True, slots=True)
class Settled:
    """What a rung came to: lanes of a request that go on, and samples of those that do not."""

    submit: Submit
    survivors: list[RequestLane]
    dropped: list[tuple[RequestLane, Sample]]


@dataclass(frozen=True, slots=True)
class _Compared:
    submit: Submit
    cohort: Cohort
    parked: dict[int, RequestLane]


class ComparedRequests:
    """The requests with halving, by number; others have no effect here."""

    def __init__(self) -> None:
        self._requests: dict[int, _Compared] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, submit: Submit) -> None:
        """Compare the lanes of a request, if it says how."""
        if submit.halving is not None:
            cohort = Cohort(submit.halving, submit.lanes)
            self._requests[submit.request] = _Compared(submit, cohort, {})

    def cancel(self, request: int) -> None:
        """Forget a request."""
        self._requests.pop(request, None)

    def rungs(self, request: int) -> tuple[float, ...]:
        """Times at which lanes of a request leave their slots; none if they are not compared."""
        compared = self._requests.get(request)
        return () if compared is None else compared.cohort.halving.rungs

    def parked(self, model: str) -> int:
        """Number of lanes of a model that wait at rungs."""
        compared = (each for each in self._requests.values() if each.submit.model == model)
        return sum(each.cohort.parked for each in compared)

    def park(self, lane: RequestLane) -> Settled | None:
        """Let a lane wait, without a slot, for the others of its request.

        Returns:
            What comes of the rung, if it was the last one.
        """
        assert lane.parked is not None
        compared = self._requests[lane.request]
        compared.parked[lane.number] = lane
        compared.cohort.arrive(lane.number, lane.parked)
        return self._settle(compared)

    def end(self, request: int, number: int) -> Settled | None:
        """Take note that a lane has ended by itself; returns the same."""
        compared = self._requests.get(request)
        if compared is None:
            return None
        compared.cohort.end(number)
        return self._settle(compared)

    def _settle(self, compared: _Compared) -> Settled | None:
        settled = compared.cohort.settle()
        if compared.cohort.ended:
            del self._requests[compared.submit.request]
        if settled is None:
            return None
        dropped = [(compared.parked.pop(lane), each) for lane, each in settled.dropped.items()]
        survivors = [compared.parked.pop(lane) for lane in settled.survivors]
        return Settled(compared.submit, survivors, dropped)
