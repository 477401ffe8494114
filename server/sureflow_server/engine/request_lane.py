"""A lane of a request, as the tick loop knows it before, in and between slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sureflow.core.lane import LaneSpec

if TYPE_CHECKING:
    from sureflow.sampling.parked import Parked


@dataclass(frozen=True, slots=True)
class RequestLane:
    """A lane that waits for a slot, or has one.

    Attributes:
        request: The pool's number for the request.
        number: The request's number for the lane.
        spec: What to make.
        watched: Whether its steps and views are reported.
        deadline: Of the request, on the clock of the loop.
        parked: Where it goes on from a rung; ``None`` if it begins.
        admitted: When it entered its first slot; ``None`` if it has not.
        told: Number of its views that have been reported.
    """

    request: int
    number: int
    spec: LaneSpec
    watched: bool
    deadline: float
    parked: Parked | None = None
    admitted: float | None = None
    told: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """A lane in a slot of a model, and when it entered its first one."""

    model: str
    lane: RequestLane
    admitted: float
