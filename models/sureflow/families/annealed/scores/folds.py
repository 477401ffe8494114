"""The scores of runs, from what the run says at its end and from its moves."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step


class AtEnd(Score):
    """A number that the run has at its end.

    Attributes:
        evidence: Its name.
        sign: By which it is larger the less sure.
    """

    evidence: ClassVar[str]
    sign: ClassVar[float] = 1.0

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The evidence of the lanes."""
        return torch.from_numpy(self.sign * np.asarray(evidence(self.evidence), np.float64))


class MissingMass(AtEnd):
    """Minus the log of the run's own estimate of the normalising constant, in nats."""

    evidence, sign = "log_z", -1.0


class SplitRHat(AtEnd):
    """Split R-hat of the walkers of a run."""

    evidence = "r_hat"


class SwapRejection(AtEnd):
    """Share of swaps refused between the two neighbours where most are."""

    evidence = "swap_rejection"


class Energy(AtEnd):
    """Minus the log density at the sample, in nats."""

    evidence = "energy"


class Rejection(Score):
    """Share of the moves that were refused."""

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._moves, self._refused = fields.number("moves"), fields.number("refused")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin with none."""
        self._moves[slot] = self._refused[slot] = 0

    def add(self, step: Step) -> None:
        """Count a move."""
        self._moves[step.slots] += step.weight
        self._refused[step.slots] += step.weight * step.evidence("refused")

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The share; NaN without moves."""
        with np.errstate(invalid="ignore"):
            return torch.from_numpy(self._refused[slots] / self._moves[slots])
