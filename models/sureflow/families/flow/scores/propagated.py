"""The plain integral of the propagated variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from sureflow.core.score import Score
from sureflow.moments.reduction import row_sums

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots


class Propagated(Score):
    """``int tr Sigma dt``: the sum of the map that every lane keeps anyway."""

    def admit(self, slot: int) -> None:
        """Nothing: the lane's map begins at zero."""

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """The sum of the map so far."""
        return row_sums(self.lanes.map[self.lanes.index(slots)].double())
