"""The integrated variance of cell and coordinates, each in its own unit."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.cell import DEVIATION
from sureflow.core.crystal import CELL, SCALE
from sureflow.core.score import Evidence, Score
from sureflow.moments.reduction import row_sums


class PropagatedCell(Score):
    """``int tr Sigma dt`` of the six numbers of the cell, in squared logarithms of lengths."""

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The sum of that part of the lane's map."""
        cell = evidence("map")[:, :CELL].double().flatten(1)
        return row_sums(cell * cell.new_tensor(np.square(DEVIATION)))


class PropagatedFrac(Score):
    """``int tr Sigma dt`` of the fractional coordinates per atom, in their squared unit."""

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The mean over atoms of that part of the lane's map."""
        frac = evidence("map")[:, CELL:].double()
        total: Tensor = row_sums(frac) / (SCALE**2 * frac.shape[1])
        return total
