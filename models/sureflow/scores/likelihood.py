"""Minus the log-density of a sample, from the propagated variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.sampling.reduction import row_sums
from sureflow.scores.integral import Integral
from sureflow.scores.score import Floats

if TYPE_CHECKING:
    from sureflow.sampling.lanes import Slots

LEAST_LEFT = 0.05
"""The identity divides by ``1 - t``; nearer to the end it is divided by this."""


class Likelihood(Integral):
    """``-log p0(x0) + int (t tr Sigma - d) / (1 - t) dt``.

    On the linear path the variance tells the divergence of the exact velocity, and that the
    density: ``(1 - t) div v = t tr Cov[u | x_t] - d`` (``algorithms`` of the field: continuity
    equation, and the identity between posterior variance and score).
    """

    def integrand(self, t: Floats, trace: Floats) -> Floats:
        """The divergence."""
        size = math.prod(self.lanes.shape)
        return (t * trace - size) / np.maximum(1 - t, LEAST_LEFT)

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """Nats."""
        start = self.lanes.start[self.lanes.index(slots)].double()
        squares = row_sums(start.square()).cpu()
        prior = 0.5 * squares + 0.5 * math.prod(self.lanes.shape) * math.log(2 * math.pi)
        total: Tensor = prior + torch.from_numpy(self._total[slots])
        return total
