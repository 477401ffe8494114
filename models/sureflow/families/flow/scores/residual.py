"""Was the path what the model expected of it? Scores of the finished sample's own target.

Once the end ``x1`` is known, so is the target ``u = x1 - x0`` that the velocities along the path
were estimates of. All of this is gathered at the evaluations that the solver makes anyway.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.path import broadcast
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.core.transfer import to_device
from sureflow.moments.reduction import row_sums

TINY = 1e-30
"""Keeps a network that claims to know everything from dividing by zero."""


class PathResidual(Score):
    """``mean_t mean_i (u_i - v_i)^2 / Sigma_i``: expected to be 1, a chi-square by construction.

    Multiplied out, so that three sums per component suffice before ``u`` is known:
    ``u^2 int 1/Sigma - 2 u int v/Sigma + int v^2/Sigma``.
    """

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._sums = [fields.tensor(name, *shape) for name in ("ones", "once", "squares")]

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin at zero."""
        for sums in self._sums:
            sums[slot] = 0

    def renew(self, slot: int, evidence: Evidence) -> None:
        """Multiplied out for velocities that are less by ``change``."""
        change = evidence("change")
        ones, once, squares = (sums[slot] for sums in self._sums)
        squares += change * (change * ones - 2 * once)
        once -= change * ones

    def precision(self, step: Step) -> Tensor:
        """What the squared difference is multiplied by, ``[n, *shape]``."""
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
        """Mean standardised residual over components and the time so far."""
        return row_sums(self.components(where, evidence).double()) / math.prod(self.shape)

    def components(self, where: Index, evidence: Evidence) -> Tensor:
        """The same per component, ``[n, *shape]``."""
        ones, once, squares = (sums[where] for sums in self._sums)
        target = evidence("end") - evidence("start")
        excess: Tensor = (target * ones - 2 * once) * target + squares
        elapsed: Tensor = evidence("elapsed")
        return excess / elapsed


class PooledResidual(PathResidual):
    """``mean_t |u - v|^2 / tr Sigma``: expected to be 1 too.

    Components whose variance is all but nothing, such as the margin of an image, do not drown the
    others.
    """

    def precision(self, step: Step) -> Tensor:
        """The reciprocal of the mean variance over components, for all of them."""
        pooled = np.maximum(step.evidence("trace") / math.prod(self.shape), TINY)
        variance = step.evidence("variance")
        factor = to_device((1 / pooled).astype(np.float32), variance.device)
        return broadcast(factor, variance).expand_as(variance)


class Straightness(Score):
    """``int |v|^2 dt - |u|^2``, which is ``int |u - v|^2 dt``: zero for a straight path."""

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._squares = fields.tensor("squares", *shape)

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin at zero."""
        self._squares[slot] = 0

    def renew(self, slot: int, evidence: Evidence) -> None:
        """Multiplied out for velocities that are less by ``change``."""
        change, travelled = evidence("change"), evidence("state") - evidence("start")
        self._squares[slot] += change * (change * evidence("t") - 2 * travelled)

    def add(self, step: Step) -> None:
        """Add the squares of the velocity."""
        self._squares[step.where] += step.scaled(step.evidence("velocity").square())

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The excess of the mean square velocity over the square of the mean velocity, so far.

        Of a lane on its way it is that of the path so far, and so does not depend on the end.
        """
        elapsed = evidence("elapsed")
        mean = (evidence("state") - evidence("start")) / elapsed
        return row_sums((self._squares[where] / elapsed - mean.square()).double())
