"""Origins: what a lane starts from, if not from its own noise. Plain data, free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sureflow.core.frame import Frame
from sureflow.core.lane import Array, LaneSpec, Origin

TINY = 1e-30
"""Avoids a division by zero for a sample of zeros."""


@dataclass(frozen=True, slots=True, eq=False)
class Branch(Origin):
    """A step of another trajectory, the parent, at which the lane branches off.

    Draws of the operations are keyed by the seed and index of the branching lane. A lane with the
    fields of its parent and without operations has the bytes of its parent. On a fixed grid the
    lane continues on the part of its own grid that comes after the time of the branch.

    Attributes:
        parent: The parent, a lane of the same family; it may be a branch itself.
        step: Number of completed steps of the parent at which the lane branches off.
        operations: Operations of the family that are applied there, in this order.
        frame: A frame of the parent at this step or an earlier one, which saves evaluations. It
            does not change the lane: without a frame the parent is run again from its beginning.
    """

    parent: Any
    step: int
    operations: tuple[object, ...] = ()
    frame: Frame | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Inverted(Origin):
    """A given sample ``[*shape]`` in data units, from which the flow first runs back to noise."""

    data: Array

    def error(self, made: Array) -> float:
        """Rms difference of a sample from the given one, relative to the rms of that."""
        given = self.data.astype(np.float64)
        error = np.square(made.astype(np.float64) - given).mean()
        return float(np.sqrt(error / max(np.square(given).mean(), TINY)))


def depth(spec: LaneSpec) -> int:
    """Number of branches between a lane and its first ancestor."""
    branches = 0
    while isinstance(spec.origin, Branch):
        spec, branches = spec.origin.parent, branches + 1
    return branches
