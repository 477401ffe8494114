"""Scores that are minus the log-likelihood of a sample: ``likelihood`` and ``divergence``.

For a path ``alpha(t) x1 + (1 - t) b x0`` with noise of unit variance, the posterior variance
determines the divergence of the velocity, ``div v = (alpha / b^2 tr Sigma - d) / (1 - t)``, where
the linear path has ``alpha = t`` and ``b = 1``; and with it the density of the samples, ``log
p1(x1) = log p0(x0) - int div v dt``. This is a weighted integral of the variance, and needs
no further evaluation. The identity holds for a variance that was learned as ``Var[u | x_t]``, and
for plain velocities, not for guided ones.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.draw import Purpose, signs
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Step
from sureflow.core.transfer import to_device
from sureflow.families.flow.scores.catalogue import SLOPE
from sureflow.families.flow.scores.integral import Integral
from sureflow.moments.reduction import row_sums

LAST = 0.015
"""Time before the end within which the limit of the divergence replaces its quotient. Numerator and
denominator of the quotient both vanish at the end, while the error of a learned variance does not.
Chosen by ``python -m benchmarks.truth --part ending``: a smaller value admits that error on fine
grids, a larger one ignores structure of the data."""


def divergence_rate(
    t: Floats,
    trace: Floats,
    dimension: int,
    last: float = LAST,
    signal: Floats | None = None,
    rise: Floats | float = 1.0,
) -> Floats:
    """The divergence of the velocity, in nats per unit time.

    Args:
        t: Times in [0, 1], of any shape that broadcasts with ``trace``.
        trace: ``tr Sigma(x_t, t)``, in squared data units.
        dimension: Components of a sample, ``d``.
        last: Time before the end within which the limit is used.
        signal: ``alpha / b^2`` at those times; by default that of the linear path, ``t``.
        rise: The derivative of ``alpha``.

    Returns:
        ``(signal trace - d) / (1 - t)``, and near the end its limit ``rise d``: when the remaining
        noise is narrower than any detail of the data, ``v = rise x`` up to a constant.
    """
    rest = 1 - t
    ending = rest < last
    signal = t if signal is None else signal
    quotient = (signal * trace - dimension) / np.where(ending, 1.0, rest)
    return np.where(ending, rise * dimension, quotient)


def log_noise(square: Floats, dimension: int) -> Floats:
    """``log p0(x0)`` in nats from ``||x0||^2``: the log-density of standard normal noise."""
    return -0.5 * (square + dimension * math.log(2 * math.pi))


class Likelihood(Integral):
    """``-log p1(x1) = int div v dt - log p0(x0)``, integrated along the path.

    A jump ``J`` of the state at ``t`` changes the log-density by the integral of ``J . s`` along
    it, where ``s = (t v - x) / (1 - t)`` is the gradient. For a jump by ``resample`` the gradient
    is known at both ends, and their mean is used. After jumps between the eight modes of ``ring``
    the score has a rank correlation of 0.89 to 1 with the exact density, the least where the modes
    separate (``python -m benchmarks.rewind --part jumps``). If a lane was guided, inpainted or
    given another condition after ``t = 0``, its density is not known and the score is NaN.
    """

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._jumped = fields.flag("jumped")
        self._jump = fields.tensor("jump", *shape)

    def integrand(self, step: Step) -> Floats:
        """The divergence."""
        trace, size = step.evidence("trace"), math.prod(self.shape)
        signal, rise = step.evidence("signal").T
        return divergence_rate(step.t, trace, size, signal=signal, rise=rise)

    def jump(self, slot: int, evidence: Evidence) -> None:
        """Add half of ``J . s`` with the gradient before the jump; nothing at ``t = 0``."""
        if evidence("t") == 0:
            return
        slope = evidence("slope")
        if slope is None:
            self._total[slot] = np.nan
            return
        slots, slopes = np.array([slot]), slope[None]
        self._land(slots, slopes)
        self._jump[slot], self._jumped[slot] = evidence("moved"), True
        self._count(slots, slopes)

    def begin(self, step: Step) -> None:
        """Add the other half of ``J . s`` for lanes that jumped, with the gradient after it."""
        landed = self._jumped[step.slots]
        if np.count_nonzero(landed):
            index = np.flatnonzero(landed)
            self._land(step.slots[index], step.evidence("slope")[index])

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Minus the log-likelihood, in nats."""
        square = row_sums(evidence("noise").double().square())
        noise = log_noise(square.cpu().numpy(), math.prod(self.shape))
        return torch.from_numpy(self._total[slots] - noise)

    def _land(self, slots: Slots, slopes: Tensor) -> None:
        waiting = self._jumped[slots]
        self._count(slots[waiting], slopes[np.flatnonzero(waiting)])
        self._jumped[slots] = False

    def _count(self, slots: Slots, slopes: Tensor) -> None:
        """Add half of ``J . s`` with the gradient at one end of the jump."""
        jump = self._jump[to_device(slots, self._jump.device)]
        gained = row_sums((jump * slopes).double())
        self._total[slots] -= gained.cpu().numpy() / 2


class Divergence(Likelihood):
    """``-log p1(x1) = int z . (J z) dt - log p0(x0)``, ``J`` the Jacobian of the velocity.

    :class:`Likelihood` computes the divergence from the variance. This score estimates it from the
    derivative of the velocity that moved the sample, guided or not. It works for any network, and
    gives the density of the samples that the flow makes, not of the data it was trained on. ``z``
    are random signs, one draw per sample, the same along its path (Grathwohl et al., FFJORD, 2019).
    """

    costly = (SLOPE,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._signs = fields.tensor("direction", *shape)

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Draw the signs of the lane."""
        self._signs[slot] = signs(self.shape, spec.seed, spec.index, Purpose.DIRECTION)

    def inputs(self, evidence: str, where: Index) -> Tensor:
        """The signs of these lanes, ``[n, *shape]``."""
        return self._signs[where]

    def integrand(self, step: Step) -> Floats:
        """The slope along the signs."""
        slope: Floats = step.evidence(SLOPE)
        return slope
