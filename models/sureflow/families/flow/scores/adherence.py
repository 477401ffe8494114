"""The score ``adherence``: does the condition explain the sample better than no condition?"""

from __future__ import annotations

from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.score import Evidence
from sureflow.families.flow.scores.evidence import ConditionEvidence


class Adherence(ConditionEvidence):
    """``(|u - v_c|^2 - |u - v_null|^2) / (2 |v_c - v_null|)`` early on the path, ``u = x1 - x0``.

    The signed distance of the sample's target ``u`` from the plane midway between the velocities
    with the condition and without: negative on the side of the condition.
    """

    TIMES = (0.1,)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The distance; NaN if the lane was not evaluated at the right times."""
        side, _ = self.explained(slots, where, evidence("end"), 0)
        return side
