"""Log-likelihood of a finished sample from the variance along its path.

For the linear path and noise of unit variance the posterior variance determines the divergence of
the velocity, ``div v = (t tr Sigma - d) / (1 - t)``, and with it the density of what the flow
makes, ``log p1(x1) = log p0(x0) - int div v dt``: a weighted integral of the same variance that
the plain score integrates, at no further evaluation. It holds for a variance that was learned as
``Var[u | x_t]`` and for plain velocities: guidance bends the path away from the identity.
"""

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

LAST = 0.015
"""Time before the end within which the limit of the divergence stands for its quotient, whose
numerator and denominator both vanish there while the error of a learned variance does not. Chosen
by ``python -m benchmarks.truth --part ending``: less lets that error in on fine grids, more cuts
off structure of the data."""


def divergence_rate(t: Floats, trace: Floats, dimension: int, last: float = LAST) -> Floats:
    """What a moment adds to ``int div v dt``, per unit time, in nats.

    Args:
        t: Times in [0, 1], of any shape that broadcasts with ``trace``.
        trace: ``tr Sigma(x_t, t)``, in squared data units.
        dimension: Components of a sample, ``d``.
        last: Time before the end within which the limit is taken.

    Returns:
        ``(t trace - d) / (1 - t)``, and at the very end its limit ``d``: once the noise left is
        narrower than any detail of the data, ``v = x`` up to a constant.
    """
    rest = 1 - t
    ending = rest < last
    quotient = (t * trace - dimension) / np.where(ending, 1.0, rest)
    return np.where(ending, float(dimension), quotient)


def log_noise(square: Floats, dimension: int) -> Floats:
    """``log p0(x0)`` in nats from ``||x0||^2``: the log-density of standard normal noise."""
    return -0.5 * (square + dimension * math.log(2 * math.pi))


class Likelihood(Integral):
    """``-log p1(x1) = int div v dt - log p0(x0)``, gathered along the path.

    NaN of a lane that has left its path: how much the log-density changes over a jump the path
    does not say.
    """

    def integrand(self, t: Floats, trace: Floats) -> Floats:
        """The divergence."""
        return divergence_rate(t, trace, math.prod(self.lanes.shape))

    def jump(self, slot: int) -> None:
        """At ``t = 0`` the path begins there; later what it says is lost."""
        if self.lanes.t[slot] > 0:
            self._total[slot] = np.nan

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """Nats."""
        start = self.lanes.start[self.lanes.index(slots)].double()
        noise = log_noise(row_sums(start.square()).cpu().numpy(), math.prod(self.lanes.shape))
        return torch.from_numpy(self._total[slots] - noise)
