"""Does the condition explain the sample better than no condition?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.sampling.reduction import row_sums
from sureflow.sampling.tableau import Flags, Floats
from sureflow.scores.score import Arrays, Score

if TYPE_CHECKING:
    from sureflow.sampling.lanes import Index, Lanes, Slots

AT = 0.1
"""Asked at the first evaluation from this time on."""

ROUNDING = 1e-9
TINY = 1e-30


class Adherence(Score):
    """``(|u - v_c|^2 - |u - v_null|^2) / (2 |v_c - v_null|)`` early on the path, ``u = x1 - x0``.

    The signed distance of the sample's own target from the plane midway between what the model
    expected with the condition and without: negative on the side of the condition. A guided lane
    has both velocities anyway; another spends one more row, once. Of a lane that is redirected
    later the answer and its ``x0`` stay, unless it is given another label: then it asks again.
    """

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._asked = np.zeros(lanes.capacity, np.bool_)
        # |v_c|^2 - |v_null|^2 per component, and v_c - v_null
        self._squares, self._difference = torch.zeros(2, *lanes.x.shape, device=lanes.device)
        self._start = torch.zeros_like(lanes.x)

    def admit(self, slot: int) -> None:
        """Begin without an answer."""
        self._asked[slot] = False

    def state(self) -> dict[str, Arrays]:
        """The answer, and where the path began by then."""
        return {
            "asked": self._asked,
            "squares": self._squares,
            "difference": self._difference,
            "start": self._start,
        }

    def asks(self, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes, about to be evaluated at ``t [n]``, want both velocities there."""
        wants: Flags = self.members[slots] & ~self._asked[slots] & (t >= AT - ROUNDING)
        return wants

    def answer(self, slots: Slots, where: Index, conditional: Tensor, null: Tensor) -> None:
        """Take the two velocities, each ``[n, *shape]``."""
        self._asked[slots] = True
        self._difference[where] = conditional - null
        self._squares[where] = conditional.square() - null.square()
        self._start[where] = self.lanes.start[where]

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """The distance; NaN where the path was over too soon to ask."""
        where = self.lanes.index(slots)
        target = end - self._start[where]
        difference = self._difference[where]
        nearer = row_sums((self._squares[where] - 2 * target * difference).double())
        apart = row_sums(difference.square().double()).sqrt()
        values = nearer / (2 * apart.clamp(min=TINY))
        asked = torch.from_numpy(self._asked[slots]).to(values.device)
        return torch.where(asked, values, torch.nan)
