"""How long the path of a sample was."""

from __future__ import annotations

import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.core.transfer import to_host
from sureflow.moments.reduction import row_sums


class PathLength(Score):
    """``int |v| dt`` along the path, in data units."""

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._length = fields.number("length")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        self._length[slot] = 0

    def add(self, step: Step) -> None:
        speed = row_sums(step.evidence("velocity").square()).sqrt()
        self._length[step.slots] += step.weight * to_host(speed)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        return torch.from_numpy(self._length[slots])
