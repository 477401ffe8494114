"""The score ``propagated``: the integral of the propagated variance."""

from __future__ import annotations

from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Score
from sureflow.moments.reduction import row_sums


class Propagated(Score):
    """``int tr Sigma dt``: the sum of the map that every lane has."""

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Do nothing, since the lane's map begins at zero."""

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The sum of the lane's map."""
        return row_sums(evidence("map").double())
