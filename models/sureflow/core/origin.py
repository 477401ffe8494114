"""Where a lane comes from, if not from its own noise: plain data, free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sureflow.core.frame import Frame
from sureflow.core.lane import Array, LaneSpec, Origin


@dataclass(frozen=True, slots=True, eq=False)
class Branch(Origin):
    """Another trajectory, left at the beginning of one of its steps.

    What is drawn by the operations is keyed by the seed and index of the lane that leaves. A lane
    with the fields of its parent and no operation has the bytes of its parent. On a fixed grid
    what is left is the part of the lane's own grid after that time.

    Attributes:
        parent: The trajectory, a lane of the same family; it may be a branch itself.
        step: Steps of it that were completed.
        operations: What is done there, in this order; the family knows which there are.
        frame: The trajectory at this step or at an earlier one, which saves its evaluations up to
            there. Not part of what the lane is: without it the trajectory is run from its origin.
    """

    parent: Any
    step: int
    operations: tuple[object, ...] = ()
    frame: Frame | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Inverted(Origin):
    """A sample that was given: the flow runs from it back to noise, and from there as usual.

    Attributes:
        data: The sample ``[*shape]``, in data units.
    """

    data: Array


def depth(spec: LaneSpec) -> int:
    """How many branches lie between a lane and its origin."""
    branches = 0
    while isinstance(spec.origin, Branch):
        spec, branches = spec.origin.parent, branches + 1
    return branches
