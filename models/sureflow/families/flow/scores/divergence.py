"""Log-likelihood of a finished sample from the velocity's own Jacobian along its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sureflow.core.arrays import Flags
from sureflow.core.draw import Purpose, signs
from sureflow.core.score import Arrays, Evaluation
from sureflow.families.flow.scores.likelihood import Likelihood

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Index, Lanes


class Divergence(Likelihood):
    """``-log p1(x1) = int z . (J z) dt - log p0(x0)``, ``J`` the Jacobian of the velocity.

    What :class:`~sureflow.families.flow.scores.likelihood.Likelihood` reads off a variance is
    estimated here from the velocity that moved the sample, guided or not: any network will do,
    and what is integrated is the density of what the flow makes, not of what it was taught. ``z``
    are random signs, one draw per sample, the same along its path (Grathwohl et al., FFJORD, 2019).
    """

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._probe = torch.zeros_like(lanes.x)

    def admit(self, slot: int) -> None:
        """Begin at zero with signs of the lane's own."""
        super().admit(slot)
        seed, index = int(self.lanes.seed[slot]), int(self.lanes.number[slot])
        self._probe[slot] = signs(self.lanes.shape, seed, index, Purpose.PROBE)

    def state(self) -> dict[str, Arrays]:
        """The integral so far, and the signs that it is made with."""
        return {**super().state(), "probe": self._probe}

    def asks(self, slots: Slots) -> Flags:
        """Which of these lanes want every velocity differentiated."""
        wants: Flags = self.members[slots]
        return wants

    def probe(self, where: Index) -> Tensor:
        """The signs of these lanes, ``[n, *shape]``."""
        return self._probe[where]

    def add(self, evaluation: Evaluation) -> None:
        """Add up with the solver's weights."""
        self._total[evaluation.slots] += evaluation.weight * evaluation.divergence
