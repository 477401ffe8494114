"""A tick whose network fails, in ever fewer lanes, until it is known which ones make it fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sureflow.core.lane import Sample
from sureflow.sampling.evaluation_error import EvaluationError

if TYPE_CHECKING:
    from sureflow.sampling.sampler import Sampler


@dataclass(slots=True)
class Divided:
    """What a tick did, however often it had to be divided.

    Attributes:
        rows: Network rows evaluated, padding not counted.
        finished: Finished lanes as ``(ticket, sample)``.
        failed: Why the network fails for a lane of these requests.
        fitting: Network rows that may be asked for at a time, as far as memory goes; ``None`` where
            it did not run out.
    """

    rows: int = 0
    finished: list[tuple[int, Sample]] = field(default_factory=list)
    failed: dict[int, EvaluationError] = field(default_factory=dict)
    fitting: int | None = None


def divided(sampler: Sampler, request_of: Callable[[int], int]) -> Divided:
    """Tick all running lanes, at once if that works.

    What fails is tried again in halves, requests as a whole as far as possible, so that a lane that
    fails alone takes no other along. A sample does not depend on those beside it, so neither does
    it on the division.

    Args:
        sampler: Whose lanes.
        request_of: The request that the lane with a ticket belongs to.
    """
    done = Divided()
    try:
        tick = sampler.tick()
    except EvaluationError as error:
        lanes = sorted(sampler.tickets, key=lambda ticket: (request_of(ticket), ticket))
        groups = _divide(lanes, error, done, request_of)
    else:
        return Divided(tick.rows, tick.finished)
    while groups:
        group = [ticket for ticket in groups.pop() if request_of(ticket) not in done.failed]
        if not group:
            continue
        try:
            tick = sampler.tick(group)
        except EvaluationError as error:
            groups += _divide(group, error, done, request_of)
        else:
            done.rows += tick.rows
            done.finished += tick.finished
    return done


def _divide(
    lanes: list[int], error: EvaluationError, done: Divided, request_of: Callable[[int], int]
) -> list[list[int]]:
    """Take note of an error of these lanes; return the groups to try instead, last first."""
    if error.memory:
        done.fitting = max(error.rows // 2, 1)
    half = len(lanes) // 2
    if not half:
        done.failed[request_of(lanes[0])] = error
        return []
    return [lanes[half:], lanes[:half]]
