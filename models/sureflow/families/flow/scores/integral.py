"""Scores that integrate one number per evaluation over time."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step

LATE = 0.5
"""Time from which the score ``propagated_late`` counts the variance."""


class Integral(Score):
    """``int g dt`` along the path, in float64 in host memory."""

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._total = fields.number("total")

    @abstractmethod
    def integrand(self, step: Step) -> Floats:
        """The integrand ``g`` at an evaluation, ``[n]``."""

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin at zero."""
        self._total[slot] = 0

    def add(self, step: Step) -> None:
        """Add up with the solver's weights."""
        self._total[step.slots] += step.weight * self.integrand(step)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The integral so far; it does not depend on the end."""
        return torch.from_numpy(self._total[slots])


class PropagatedLate(Integral):
    """``int tr Sigma dt`` from ``t = 0.5`` on."""

    def integrand(self, step: Step) -> Floats:
        """The variance from ``t = 0.5`` on, 0 before."""
        return np.where(step.t >= LATE, step.evidence("trace"), 0.0)
