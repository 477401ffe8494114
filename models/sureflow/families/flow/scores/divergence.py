"""Log-likelihood of a finished sample from the velocity's own Jacobian along its path."""

from __future__ import annotations

from torch import Tensor

from sureflow.core.arrays import Floats, Index
from sureflow.core.draw import Purpose, signs
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Fields, Step
from sureflow.families.flow.scores.likelihood import Likelihood
from sureflow.families.flow.scores.names import SLOPE


class Divergence(Likelihood):
    """``-log p1(x1) = int z . (J z) dt - log p0(x0)``, ``J`` the Jacobian of the velocity.

    What :class:`~sureflow.families.flow.scores.likelihood.Likelihood` reads off a variance is
    estimated here from the velocity that moved the sample, guided or not: any network will do,
    and what is integrated is the density of what the flow makes, not of what it was taught. ``z``
    are random signs, one draw per sample, the same along its path (Grathwohl et al., FFJORD, 2019).
    """

    costly = (SLOPE,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._signs = fields.tensor("probe", *shape)

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Begin at zero with signs of the lane's own."""
        super().admit(slot, spec)
        self._signs[slot] = signs(self.shape, spec.seed, spec.index, Purpose.PROBE)

    def inputs(self, evidence: str, where: Index) -> Tensor:
        """The signs of these lanes, ``[n, *shape]``."""
        return self._signs[where]

    def integrand(self, step: Step) -> Floats:
        """The slope along the signs."""
        slope: Floats = step.evidence(SLOPE)
        return slope
