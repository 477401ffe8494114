"""Scores that are integrals over time of one number of every evaluation."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.score import Arrays, Evaluation, Score

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Lanes

LATE = 0.5
"""From when on a variance counts as late."""


class Integral(Score):
    """``int g dt`` along the path, in host memory, in float64."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._total = np.zeros(lanes.capacity)

    @abstractmethod
    def integrand(self, evaluation: Evaluation) -> Floats:
        """``g``, ``[n]``."""

    def admit(self, slot: int) -> None:
        """Begin at zero."""
        self._total[slot] = 0

    def state(self) -> dict[str, Arrays]:
        """The integral so far."""
        return {"total": self._total}

    def add(self, evaluation: Evaluation) -> None:
        """Add up with the solver's weights."""
        self._total[evaluation.slots] += evaluation.weight * self.integrand(evaluation)

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """The integral so far; it does not depend on the end."""
        return torch.from_numpy(self._total[slots])


class PropagatedLate(Integral):
    """``int tr Sigma dt`` from ``t = 0.5`` on."""

    def integrand(self, evaluation: Evaluation) -> Floats:
        """The variance, from then on."""
        return np.where(evaluation.t >= LATE, evaluation.trace, 0.0)
