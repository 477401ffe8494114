"""The scores ``renoised_nll``: how improbable a crystal is, renoised near its end."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.families.crystals.scores.catalogue import CELL, FRAC, WHOLE
from sureflow.families.flow.scores.catalogue import RENOISED


class RenoisedNll(Score):
    """Mean of ``(r^2 / S + log S) / 2`` at points between fresh noise and the finished crystal.

    ``r`` is the residual of the velocity and ``S`` its variance. The mean over the numbers of the
    cell and that over the coordinates count alike. It is the negative log-likelihood of a
    Gaussian, without its constant. The times are those that the network declares; the evidence
    comes from :class:`~sureflow.families.crystals.renoise.CrystalRenoise`.

    Attributes:
        name: Name of the evidence.
    """

    costly = (RENOISED,)
    name: ClassVar[str] = WHOLE

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._value = fields.number("value")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin without a value."""
        self._value[slot] = np.nan

    def observe(self, step: Step) -> None:
        """Store the score."""
        self._value[step.slots] = step.evidence(self.name)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The score; NaN before the crystal is finished."""
        return torch.from_numpy(self._value[slots])


class CellNll(RenoisedNll):
    """The same of the cell alone."""

    name = CELL


class FracNll(RenoisedNll):
    """The same of the coordinates alone."""

    name = FRAC
