"""What a condition explains of a sample, asked for on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats
from sureflow.core.score import Arrays, Score
from sureflow.core.transfer import to_device
from sureflow.moments.reduction import row_sums

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Lanes

ROUNDING = 1e-9
TINY = 1e-30


class Asked(Score):
    """Keeps the velocities with the condition and without, at a few times of each lane.

    A guided lane has both anyway; another spends one more row at each of the times. Of a lane that
    is redirected later the answers and their ``x0`` stay, unless it is given another label: then
    it asks again.

    Attributes:
        TIMES: Asked at the first evaluation from each of these on that comes before the next one;
            where there is none, the lane has no score.
    """

    TIMES: ClassVar[tuple[float, ...]]

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self._answers = np.zeros(lanes.capacity, np.int64)
        # of the stretches of time; nothing is asked for after the last one
        self._bounds = np.array([*self.TIMES, np.inf, np.inf]) - ROUNDING
        kept = (3, lanes.capacity, len(self.TIMES), *lanes.shape)
        self._conditional, self._null, self._start = torch.zeros(kept, device=lanes.device)

    def admit(self, slot: int) -> None:
        """Begin without an answer."""
        self._answers[slot] = 0

    def state(self) -> dict[str, Arrays]:
        """The answers, and where the path began by then."""
        return {
            "answers": self._answers,
            "conditional": self._conditional,
            "null": self._null,
            "start": self._start,
        }

    def asks(self, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes, about to be evaluated at ``t [n]``, want both velocities there."""
        answers = self._answers[slots]
        due = (t >= self._bounds[answers]) & (t < self._bounds[answers + 1])
        wants: Flags = self.members[slots] & due
        return wants

    def answer(self, slots: Slots, conditional: Tensor, null: Tensor) -> None:
        """Take the two velocities, each ``[n, *shape]``."""
        device = self.lanes.device
        at = to_device(slots, device), to_device(self._answers[slots], device)
        self._conditional[at], self._null[at] = conditional, null
        self._start[at] = self.lanes.start[at[0]]
        self._answers[slots] += 1

    def explained(self, slots: Slots, end: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """How a lane's target ``u = end - x0`` lies to an answer's two velocities, each ``[n]``.

        The signed distance of the target from the plane midway between them, negative on the side
        of the condition, and its distance from the point midway; NaN without that answer.
        """
        where = self.lanes.index(slots)
        conditional, null = self._conditional[where, number], self._null[where, number]
        apart = conditional - null
        off = end - self._start[where, number] - (conditional + null) / 2
        gap = row_sums(apart.square().double()).sqrt().clamp(min=TINY)
        side = -row_sums((apart * off).double()) / gap
        away = row_sums(off.square().double()).sqrt()
        answered = torch.from_numpy(self._answers[slots] > number).to(side.device)
        return torch.where(answered, side, torch.nan), away
