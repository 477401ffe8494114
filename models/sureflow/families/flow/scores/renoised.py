"""Would the model expect the finished sample again, from fresh noise?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.families.flow.scores.names import RENOISED


class Renoised(Score):
    """``mean |u - v|^2 / tr Sigma`` at points between the finished sample and fresh noise.

    ``u`` is the way from that noise to the sample, so that 1 is as expected. Nothing is gathered
    on the way: the evidence comes once the sample is there.
    """

    costly = (RENOISED,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._value = fields.number("value")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin without an answer."""
        self._value[slot] = np.nan

    def see(self, step: Step) -> None:
        """Take the score."""
        self._value[step.slots] = step.evidence(RENOISED)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The score; NaN before the sample is finished."""
        return torch.from_numpy(self._value[slots])
