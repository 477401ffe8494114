"""The score ``trajectory``: how much the predicted end point moves late on the path."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.path import broadcast, factors
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.core.transfer import to_device
from sureflow.moments.reduction import row_sums

SINCE = 0.8
"""Time from which predictions count."""


class Trajectory(Score):
    """Variance of ``x + (1 - t) v`` over the late steps, summed over components.

    It works with any network. Aithal et al., Understanding Hallucinations in Diffusion Models
    through Mode Interpolation (2024): the predicted end point of a sample between modes moves late.
    Predictions are weighted by the sizes of their steps, so the number of steps matters little.
    """

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        # The first late prediction, and first and second moments of the others around it.
        self._first, self._once, self._twice = (
            fields.tensor(name, *shape) for name in ("first", "once", "twice")
        )
        self._weight = fields.number("weight")

    def begin(self, step: Step) -> None:
        """Accumulate the prediction at the start of the step."""
        late = step.t >= SINCE
        if not late.any():
            return
        x, velocity = step.evidence("state"), step.evidence("velocity")
        index = to_device(np.flatnonzero(late), x.device)
        predicted = (x + factors(1 - step.t, x) * velocity)[index]
        slots, size = step.slots[late], step.weight[late]
        where = to_device(slots, x.device)
        fresh = broadcast(to_device(self._weight[slots] == 0, x.device), x)
        self._first[where] = torch.where(fresh, predicted, self._first[where])
        moved = predicted - self._first[where]
        weight = factors(size, x)
        self._once[where] += weight * moved
        self._twice[where] += weight * moved.square()
        self._weight[slots] += size

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The variance until now; 0 before the first late prediction."""
        weight = np.where(self._weight[slots] > 0, self._weight[slots], 1.0)
        once, twice = self._once[where].double(), self._twice[where].double()
        total = broadcast(torch.from_numpy(weight).to(once.device), once)
        return row_sums(twice / total - (once / total).square())
