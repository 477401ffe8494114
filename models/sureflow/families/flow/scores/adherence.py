"""Scores that compare a condition with none: does it explain the sample better?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.core.transfer import to_device
from sureflow.families.flow.scores.catalogue import NULL
from sureflow.moments.reduction import row_sums
from sureflow.moments.square_root import square_root

ROUNDING = 1e-9
TINY = 1e-30


class ConditionEvidence(Score):
    """Keeps the velocities with the condition and without, at a few times of each lane.

    A guided lane has both anyway; any other lane spends one more row at each of the times. If a
    lane is edited later, the answers and their ``x0`` stay, unless the edit changes the condition:
    then the lane asks again.

    Attributes:
        TIMES: Times from which the lane asks, at its first evaluation before the next of them. A
            lane without such an evaluation has no score.
    """

    TIMES: ClassVar[tuple[float, ...]]
    costly = (NULL,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._answers = fields.count("answers")
        # Answer i is asked for between bounds i and i + 1, and none after the last one.
        self._bounds = np.array([*self.TIMES, np.inf, np.inf]) - ROUNDING
        self._conditional, self._null, self._start = (
            fields.tensor(name, len(self.TIMES), *shape)
            for name in ("conditional", "null", "start")
        )

    def recondition(self, slot: int, spec: LaneSpec) -> None:
        """Discard the answers about the old condition."""
        self._answers[slot] = 0

    def wants(self, name: str, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes, about to be evaluated at ``t [n]``, want both velocities there."""
        answers = self._answers[slots]
        due: Flags = (t >= self._bounds[answers]) & (t < self._bounds[answers + 1])
        return due

    def observe(self, step: Step) -> None:
        """Store the two velocities, and the present start of the path."""
        device, answers = self._null.device, self._answers[step.slots]
        at = to_device(step.slots, device), to_device(answers, device)
        self._conditional[at], self._null[at] = step.evidence("velocity"), step.evidence(NULL)
        self._start[at] = step.evidence("start")
        self._answers[step.slots] += 1

    def explained(
        self, slots: Slots, where: Index, end: Tensor, number: int
    ) -> tuple[Tensor, Tensor]:
        """Position of a lane's target ``u = end - x0`` between an answer's two velocities.

        Returns:
            The signed distance of the target from the plane midway between them, negative on the
            side of the condition, ``[n]``, and its distance from the point midway, ``[n]``; NaN
            for a lane without that answer.
        """
        conditional, null = self._conditional[where, number], self._null[where, number]
        apart = conditional - null
        off = end - self._start[where, number] - (conditional + null) / 2
        gap = square_root(row_sums(apart.square().double())).clamp(min=TINY)
        side = -row_sums((apart * off).double()) / gap
        away = square_root(row_sums(off.square().double()))
        answered = torch.from_numpy(self._answers[slots] > number).to(side.device)
        return torch.where(answered, side, torch.nan), away

    def cosine(self, slots: Slots, where: Index, end: Tensor, number: int) -> Tensor:
        """That signed distance over the other one: from -1, the side of the condition, to 1."""
        side, away = self.explained(slots, where, end, number)
        return side / away.clamp(min=TINY)


class Adherence(ConditionEvidence):
    """``(|u - v_c|^2 - |u - v_null|^2) / (2 |v_c - v_null|)`` early on the path, ``u = x1 - x0``.

    The signed distance of the sample's target ``u`` from the plane midway between the velocities
    with the condition and without: negative on the side of the condition.
    """

    TIMES = (0.1,)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The distance; NaN if the lane was not evaluated at the right times."""
        side, _ = self.explained(slots, where, evidence("end"), 0)
        return side


class AdherenceContrast(ConditionEvidence):
    """Cosine of adherence early on the path, less the cosine halfway, in [-2, 2].

    The cosine is adherence divided by ``|u - (v_c + v_null) / 2|``: 1 if the sample's target
    ``u = x1 - x0`` lies on the side of no condition, -1 if it lies on the side of its own. Early,
    the condition should explain the sample. Halfway, the state of a good sample shows what it is:
    the velocity without condition agrees with that of the condition, and the cosine is near 0. If
    the condition still pulls there, the state looks like something else.
    """

    TIMES = (0.15, 0.5)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The difference; NaN until there is evidence at both times."""
        early, late = (self.cosine(slots, where, evidence("end"), number) for number in range(2))
        return early - late

    def foreseen(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The difference, or the first cosine alone until there is the second one."""
        early, late = (self.cosine(slots, where, evidence("end"), number) for number in range(2))
        return torch.where(late.isnan(), early, early - late)
