"""Was the path what the model expected of it? Scores of the finished sample's own target.

Once the end ``x1`` is known, so is the target ``u = x1 - x0`` that the velocities along the path
were estimates of. All of this is gathered at the evaluations that the solver makes anyway.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.core.path import broadcast
from sureflow.core.score import Arrays, Evaluation, Score
from sureflow.core.transfer import to_device
from sureflow.moments.reduction import row_sums

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Lanes

TINY = 1e-30
"""Keeps a network that claims to know everything from dividing by zero."""


class PathResidual(Score):
    """``mean_t mean_i (u_i - v_i)^2 / Sigma_i``: expected to be 1, a chi-square by construction.

    Multiplied out, so that three sums per component suffice before ``u`` is known:
    ``u^2 int 1/Sigma - 2 u int v/Sigma + int v^2/Sigma``.
    """

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._sums = torch.zeros(3, *lanes.x.shape, device=lanes.device)

    def admit(self, slot: int) -> None:
        """Begin at zero."""
        self._sums[:, slot] = 0

    def state(self) -> dict[str, Arrays]:
        """The three sums."""
        return dict(zip(("ones", "once", "squares"), self._sums, strict=True))

    def renew(self, slot: int, change: Tensor) -> None:
        """Multiplied out for velocities that are less by ``change``."""
        ones, once, squares = (sums[slot] for sums in self._sums)
        squares += change * (change * ones - 2 * once)
        once -= change * ones

    def precision(self, evaluation: Evaluation) -> Tensor:
        """What the squared difference is multiplied by, ``[n, *shape]``."""
        return evaluation.variance.reciprocal()

    def add(self, evaluation: Evaluation) -> None:
        """Add an evaluation to the three sums."""
        precision = evaluation.scaled(self.precision(evaluation))
        for power, sums in enumerate(self._sums):
            if power:
                precision = precision * evaluation.velocity
            sums[evaluation.where] += precision

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """Mean standardised residual over components and the time so far."""
        return row_sums(self.components(slots, end).double()) / math.prod(self.lanes.shape)

    def components(self, slots: Slots, end: Tensor) -> Tensor:
        """The same per component, ``[n, *shape]``."""
        where = self.lanes.index(slots)
        ones, once, squares = (sums[where] for sums in self._sums)
        target = end - self.lanes.start[where]
        excess: Tensor = (target * ones - 2 * once) * target + squares
        return excess / self.lanes.elapsed(slots)


class PooledResidual(PathResidual):
    """``mean_t |u - v|^2 / tr Sigma``: expected to be 1 too.

    Components whose variance is all but nothing, such as the margin of an image, do not drown the
    others.
    """

    def precision(self, evaluation: Evaluation) -> Tensor:
        """The reciprocal of the mean variance over components, for all of them."""
        pooled = np.maximum(evaluation.trace / math.prod(self.lanes.shape), TINY)
        factor = to_device((1 / pooled).astype(np.float32), self.lanes.device)
        return broadcast(factor, evaluation.variance).expand_as(evaluation.variance)


class Straightness(Score):
    """``int |v|^2 dt - |u|^2``, which is ``int |u - v|^2 dt``: zero for a straight path."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._squares = torch.zeros_like(lanes.x)

    def admit(self, slot: int) -> None:
        """Begin at zero."""
        self._squares[slot] = 0

    def state(self) -> dict[str, Arrays]:
        """The sum."""
        return {"squares": self._squares}

    def renew(self, slot: int, change: Tensor) -> None:
        """Multiplied out for velocities that are less by ``change``."""
        travelled = self.lanes.x[slot] - self.lanes.start[slot]
        self._squares[slot] += change * (change * float(self.lanes.t[slot]) - 2 * travelled)

    def add(self, evaluation: Evaluation) -> None:
        """Add the squares of the velocity."""
        self._squares[evaluation.where] += evaluation.scaled(evaluation.velocity.square())

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """The excess of the mean square velocity over the square of the mean velocity, so far.

        Of a lane on its way it is that of the path so far, and so does not depend on the end.
        """
        where, elapsed = self.lanes.index(slots), self.lanes.elapsed(slots)
        mean = (self.lanes.x[where] - self.lanes.start[where]) / elapsed
        return row_sums((self._squares[where] / elapsed - mean.square()).double())
