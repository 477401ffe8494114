"""Scores that are integrals over time of one number per evaluation."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.moments.reduction import row_sums

LATE = 0.5
"""Time from which the score ``propagated_late`` counts the variance."""


class Propagated(Score):
    """``int tr Sigma dt``: the sum of the map that every lane has."""

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The sum of the lane's map."""
        return row_sums(evidence("map").double())


class Integral(Score):
    """``int g dt`` along the path, in float64 in host memory."""

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._total = fields.number("total")

    @abstractmethod
    def integrand(self, step: Step) -> Floats:
        """The integrand ``g`` at an evaluation, ``[n]``."""

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


class Reading(Integral):
    """``int p(x_t, t) dt`` of a number ``p`` that is read of the activations at every evaluation.

    Attributes:
        name: Name of that evidence.
    """

    name: ClassVar[str]

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._latest = np.zeros(fields.capacity)

    def add(self, step: Step) -> None:
        """Add the reading, and note it as the latest."""
        super().add(step)
        self._latest[step.slots] = self.integrand(step)

    def integrand(self, step: Step) -> Floats:
        """The reading."""
        reading: Floats = step.evidence(self.name)
        return reading

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Mean reading from 0 to the present time."""
        t = evidence("t")
        elapsed = torch.from_numpy(t).where(torch.from_numpy(t > 0), 1.0)
        return super().values(slots, where, evidence) / elapsed

    def foreseen(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Mean reading of the whole path, if the rest of it were read as its latest point.

        Of the probe of ``fashion`` it ranks samples at t = 0.2 far more as the score does than the
        mean so far: the correlation is 0.55 and not 0.29.
        """
        rest = torch.from_numpy((1 - evidence("t")) * self._latest[slots])
        return super().values(slots, where, evidence) + rest


class ProbeReading(Reading):
    """The reading of a :class:`~sureflow.networks.probe.Probe`.

    It is linear in activations averaged over the path. A guided lane uses the reading with its
    label, since the probe was fitted to samples without guidance.
    """

    name = "reading"


class Ignorance(Reading):
    """The reading of a :class:`~sureflow.networks.laplace.Laplace`, with the label of the lane."""

    name = "ignorance"
