"""How much the predicted end point still moves late on the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.core.path import broadcast
from sureflow.core.score import Arrays, Score, Start
from sureflow.moments.reduction import row_sums

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Lanes

SINCE = 0.8
"""Predictions from here on count."""


class Trajectory(Score):
    """Variance over the late steps of ``x + (1 - t) v``, summed over components; any network.

    Aithal et al., Understanding Hallucinations in Diffusion Models through Mode Interpolation
    (2024): samples between modes are those whose predicted end point moves late. Predictions are
    weighted by the sizes of their steps, so that the number of steps matters little.
    """

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        # The first prediction that counts, and the first two moments of the others around it.
        self._first, self._once, self._twice = torch.zeros(3, *lanes.x.shape, device=lanes.device)
        self._weight = np.zeros(lanes.capacity)

    def admit(self, slot: int) -> None:
        """Begin without a prediction."""
        self._weight[slot] = 0
        self._once[slot] = self._twice[slot] = 0

    def state(self) -> dict[str, Arrays]:
        """The moments so far."""
        return {
            "first": self._first,
            "once": self._once,
            "twice": self._twice,
            "weight": self._weight,
        }

    def begin(self, start: Start) -> None:
        """Count the prediction at the start of the step."""
        late = start.t >= SINCE
        if not late.any():
            return
        left = torch.from_numpy((1 - start.t).astype(np.float32)).to(start.x.device)
        predicted = start.x + broadcast(left, start.x) * start.velocity
        index = torch.from_numpy(np.flatnonzero(late)).to(start.x.device)
        slots = start.slots[late]
        where, predicted = self.lanes.index(slots), predicted[index]
        fresh = torch.from_numpy(self._weight[slots] == 0).to(predicted.device)
        self._first[where] = torch.where(broadcast(fresh, predicted), predicted, self._first[where])
        moved = predicted - self._first[where]
        weight = torch.from_numpy(start.h[late].astype(np.float32)).to(predicted.device)
        self._once[where] += broadcast(weight, moved) * moved
        self._twice[where] += broadcast(weight, moved) * moved.square()
        self._weight[slots] += start.h[late]

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """The variance so far; 0 before the first prediction that counts."""
        where = self.lanes.index(slots)
        weight = np.where(self._weight[slots] > 0, self._weight[slots], 1.0)
        total = broadcast(torch.from_numpy(weight).to(end.device), end)
        mean = self._once[where].double() / total
        return row_sums(self._twice[where].double() / total - mean.square())
