"""Log-likelihood of a finished sample from the variance along its path.

For the linear path and noise of unit variance the posterior variance determines the divergence of
the velocity, ``div v = (t tr Sigma - d) / (1 - t)``, and with it the density of what the flow
makes, ``log p1(x1) = log p0(x0) - int div v dt``: a weighted integral of the same variance that
the plain score integrates, at no further evaluation. It holds for a variance that was learned as
``Var[u | x_t]`` and for plain velocities: guidance bends the path away from the identity.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.path import LINEAR
from sureflow.core.score import Evidence, Fields, Step
from sureflow.core.transfer import to_device
from sureflow.families.flow.scores.integral import Integral
from sureflow.moments.reduction import row_sums

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

    Over a jump ``J`` of the state at ``t`` the log-density changes by ``J . s`` along the way,
    ``s = (t v - x) / (1 - t)`` being its gradient. It is known at both ends of a jump by
    ``resample`` and taken as their mean. Jumps of samples between the eight modes of ``ring`` then
    keep a rank correlation of 0.89 to 1 with the exact density, the least where the modes part
    (``python -m benchmarks.rewind --part jumps``). Of a lane that has been pulled, held to known
    values or given another condition after ``t = 0`` the density is not known: NaN.
    """

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._jumped = fields.flag("jumped")
        self._jump = fields.tensor("jump", *shape)

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin at zero, at rest."""
        super().admit(slot, spec)
        self._jumped[slot] = False
        self._jump[slot] = 0

    def integrand(self, step: Step) -> Floats:
        """The divergence."""
        return divergence_rate(step.t, step.evidence("trace"), math.prod(self.shape))

    def jump(self, slot: int, evidence: Evidence) -> None:
        """At ``t = 0`` the path begins there; later half of the change is that of this end."""
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
        """The other half is that of where the lane has landed."""
        landed = self._jumped[step.slots]
        if landed.any():
            index = np.flatnonzero(landed)
            x, velocity = step.evidence("state")[index], step.evidence("velocity")[index]
            t = to_device(step.t[index].astype(np.float32), x.device)
            self._land(step.slots[index], LINEAR.score(x, t, velocity))

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Nats."""
        square = row_sums(evidence("noise").double().square())
        noise = log_noise(square.cpu().numpy(), math.prod(self.shape))
        return torch.from_numpy(self._total[slots] - noise)

    def _land(self, slots: Slots, slopes: Tensor) -> None:
        waiting = self._jumped[slots]
        self._count(slots[waiting], slopes[np.flatnonzero(waiting)])
        self._jumped[slots] = False

    def _count(self, slots: Slots, slopes: Tensor) -> None:
        """Take half of ``J . s`` at one end of the jump."""
        jump = self._jump[to_device(slots, self._jump.device)]
        gained = row_sums((jump * slopes).double())
        self._total[slots] -= gained.cpu().numpy() / 2
