"""A tick whose network fails is tried again in halves, until it is known which lanes fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sureflow.core.lane import Sample
from sureflow.sampling.parked import Parked
from sureflow.sampling.sampler import EvaluationError

if TYPE_CHECKING:
    from sureflow.sampling.sampler import Sampler


@dataclass(slots=True)
class Bisection:
    """What a tick did, however often it was halved.

    Attributes:
        rows: Network rows evaluated, padding not counted.
        finished: Finished lanes as ``(ticket, sample)``.
        failed: Why the network fails for a lane of these requests.
        seconds: How long that should have taken.
        fitting: Network rows that may be asked for at a time, as far as memory goes; ``None`` where
            it did not run out.
        parked: Lanes that have reached a rung as ``(ticket, parked)``.
    """

    rows: int = 0
    finished: list[tuple[int, Sample]] = field(default_factory=list)
    failed: dict[int, EvaluationError] = field(default_factory=dict)
    seconds: float = 0.0
    fitting: int | None = None
    parked: list[tuple[int, Parked]] = field(default_factory=list)


def bisect_failures(sampler: Sampler, request_of: Callable[[int], int]) -> Bisection:
    """Tick all running lanes, at once if that works.

    A tick that fails is tried again in halves. Requests stay whole as far as possible, so that a
    lane that fails alone takes no other along. A sample does not depend on the lanes beside it, so
    it does not depend on the halving either.
    """
    done = Bisection()
    try:
        tick = sampler.tick()
    except EvaluationError as error:
        lanes = sorted(sampler.tickets, key=lambda ticket: (request_of(ticket), ticket))
        groups = _halve(lanes, error, done, request_of)
    else:
        return Bisection(tick.rows, tick.finished, seconds=tick.seconds, parked=tick.parked)
    while groups:
        group = [ticket for ticket in groups.pop() if request_of(ticket) not in done.failed]
        if not group:
            continue
        try:
            tick = sampler.tick(group)
        except EvaluationError as error:
            groups += _halve(group, error, done, request_of)
        else:
            done.rows += tick.rows
            done.seconds += tick.seconds
            done.finished += tick.finished
            done.parked += tick.parked
    return done


def _halve(
    lanes: list[int], error: EvaluationError, done: Bisection, request_of: Callable[[int], int]
) -> list[list[int]]:
    """Take note of an error of these lanes; return the groups to try instead, last first."""
    if error.memory:
        done.fitting = max(error.rows // 2, 1)
    half = len(lanes) // 2
    if not half:
        done.failed[request_of(lanes[0])] = error
        return []
    return [lanes[half:], lanes[:half]]
