"""The plain integral of the propagated variance."""

from __future__ import annotations

from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Score
from sureflow.moments.reduction import row_sums


class Propagated(Score):
    """``int tr Sigma dt``: the sum of the map that every lane keeps anyway."""

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Nothing: the lane's map begins at zero."""

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The sum of the map so far."""
        return row_sums(evidence("map").double())
