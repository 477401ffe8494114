"""Scores that compare velocities with their own target.

The velocities along the path are estimates of the target ``u = x1 - x0``, which is known at the
end. All but :class:`Renoised` use only evaluations that the solver makes anyway.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.path import factors
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.families.flow.scores.catalogue import RENOISED
from sureflow.moments.reduction import row_sums

TINY = 1e-30
"""Avoids a division by zero if a network reports no variance."""


class PathResidual(Score):
    """``mean_t mean_i (u_i - v_i)^2 / Sigma_i``, a chi-square with expected value 1.

    The square is multiplied out, ``u^2 int 1/Sigma - 2 u int v/Sigma + int v^2/Sigma``, so that
    three sums per component suffice while ``u`` is not known yet.
    """

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._sums = [fields.tensor(name, *shape) for name in ("ones", "once", "squares")]

    def renew(self, slot: int, evidence: Evidence) -> None:
        """Correct the sums for velocities that are less by ``change``."""
        change = evidence("change")
        ones, once, squares = (sums[slot] for sums in self._sums)
        squares += change * (change * ones - 2 * once)
        once -= change * ones

    def precision(self, step: Step) -> Tensor:
        """Factor of the squared difference, ``[n, *shape]``."""
        variance: Tensor = step.evidence("variance")
        return variance.reciprocal()

    def add(self, step: Step) -> None:
        """Add an evaluation to the three sums."""
        precision, velocity = step.scaled(self.precision(step)), step.evidence("velocity")
        for power, sums in enumerate(self._sums):
            if power:
                precision = precision * velocity
            sums[step.where] += precision

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Mean standardised residual over components and over time until now."""
        return row_sums(self.components(where, evidence).double()) / math.prod(self.shape)

    def components(self, where: Index, evidence: Evidence) -> Tensor:
        """The residual of every component, ``[n, *shape]``."""
        ones, once, squares = (sums[where] for sums in self._sums)
        target = evidence("end") - evidence("start")
        excess: Tensor = (target * ones - 2 * once) * target + squares
        elapsed: Tensor = evidence("elapsed")
        return excess / elapsed


class PooledResidual(PathResidual):
    """``mean_t |u - v|^2 / tr Sigma``, which has the expected value 1 too.

    Components of almost no variance, such as the margin of an image, do not dominate it.
    """

    def precision(self, step: Step) -> Tensor:
        """The reciprocal of the mean variance over components, the same for all of them."""
        pooled = np.maximum(step.evidence("trace") / math.prod(self.shape), TINY)
        variance = step.evidence("variance")
        return factors(1 / pooled, variance).expand_as(variance)


class Straightness(Score):
    """``int |u - v|^2 dt``, computed as ``int |v|^2 dt - |u|^2``; zero for a straight path."""

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._squares = fields.tensor("squares", *shape)

    def renew(self, slot: int, evidence: Evidence) -> None:
        """Correct the sum for velocities that are less by ``change``."""
        change, travelled = evidence("change"), evidence("state") - evidence("start")
        self._squares[slot] += change * (change * evidence("t") - 2 * travelled)

    def add(self, step: Step) -> None:
        """Add the squares of the velocity."""
        self._squares[step.where] += step.scaled(step.evidence("velocity").square())

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Mean square velocity less the square of the mean velocity, from 0 to the present time.

        For a running lane it is that of the path until now, so it does not depend on the end.
        """
        elapsed = evidence("elapsed")
        mean = (evidence("state") - evidence("start")) / elapsed
        return row_sums((self._squares[where] / elapsed - mean.square()).double())


class Renoised(Score):
    """``mean |u - v|^2 / tr Sigma`` at points between fresh noise and the finished sample.

    ``u`` is the difference of sample and noise; the expected value of the score is 1. The evidence
    comes from :class:`~sureflow.families.flow.renoise.Renoise`, after the sample is finished.

    Attributes:
        name: Name of the evidence.
    """

    costly = (RENOISED,)
    name: ClassVar[str] = RENOISED

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
        """The score; NaN before the sample is finished."""
        return torch.from_numpy(self._value[slots])
