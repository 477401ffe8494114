"""Scores that are integrals over time of a function of the total variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.scores.score import Arrays, Evaluation, Floats, Score

if TYPE_CHECKING:
    from sureflow.sampling.lanes import Lanes, Slots

LATE = 0.5
"""From when on a variance counts as late."""


class Integral(Score):
    """``int g(t, tr Sigma) dt`` along the path, in host memory, in float64."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._total = np.zeros(lanes.capacity)

    def integrand(self, t: Floats, trace: Floats) -> Floats:
        """``g`` at times ``t [n]`` and total variances ``trace [n]``."""
        return trace

    def admit(self, slot: int) -> None:
        """Begin at zero."""
        self._total[slot] = 0

    def state(self) -> dict[str, Arrays]:
        """The integral so far."""
        return {"total": self._total}

    def add(self, evaluation: Evaluation) -> None:
        """Add up with the solver's weights."""
        values = self.integrand(evaluation.t, evaluation.trace)
        self._total[evaluation.slots] += evaluation.weight * values

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """The integral so far; it does not depend on the end."""
        return torch.from_numpy(self._total[slots])


class PropagatedLate(Integral):
    """``int tr Sigma dt`` from ``t = 0.5`` on."""

    def integrand(self, t: Floats, trace: Floats) -> Floats:
        """The variance, from then on."""
        return np.where(t >= LATE, trace, 0.0)
