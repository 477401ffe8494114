"""The score ``divergence``: minus the log-likelihood of a sample, from the velocity's Jacobian."""

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

    :class:`~sureflow.families.flow.scores.likelihood.Likelihood` computes the divergence from the
    variance. This score estimates it from the derivative of the velocity that moved the sample,
    guided or not. It works for any network, and gives the density of the samples that the flow
    makes, not of the data it was trained on. ``z`` are random signs, one draw per sample, the same
    along its path (Grathwohl et al., FFJORD, 2019).
    """

    costly = (SLOPE,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._signs = fields.tensor("direction", *shape)

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Reset the sums, and draw the signs of the lane."""
        super().admit(slot, spec)
        self._signs[slot] = signs(self.shape, spec.seed, spec.index, Purpose.DIRECTION)

    def inputs(self, evidence: str, where: Index) -> Tensor:
        """The signs of these lanes, ``[n, *shape]``."""
        return self._signs[where]

    def integrand(self, step: Step) -> Floats:
        """The slope along the signs."""
        slope: Floats = step.evidence(SLOPE)
        return slope
