"""The score ``residual``: does the model expect the finished sample, seen from fresh noise?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.families.flow.scores.catalogue import RENOISED


class Renoised(Score):
    """``mean |u - v|^2 / tr Sigma`` at points between fresh noise and the finished sample.

    ``u`` is the difference of sample and noise; the expected value of the score is 1. The evidence
    comes from :class:`~sureflow.families.flow.renoise.Renoise`, after the sample is finished.
    """

    costly = (RENOISED,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._value = fields.number("value")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin without a value."""
        self._value[slot] = np.nan

    def observe(self, step: Step) -> None:
        """Store the score."""
        self._value[step.slots] = step.evidence(RENOISED)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The score; NaN before the sample is finished."""
        return torch.from_numpy(self._value[slots])
