"""The states and stages of lanes that run together, as views of the arrays of all lanes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Integers, Slots
from sureflow.core.transfer import to_device
from sureflow.families.flow.combine import add_stages, combine
from sureflow.families.flow.stages import Stages


class Cut(NamedTuple):
    """The lanes' part of an array of two quantities, ``[2, capacity, *shape]``.

    Attributes:
        both: ``[2, n, *shape]``.
        first: State or velocity, ``[n, *shape]``.
        second: Map or variance, likewise.
        rows: Both, ``[2, n, components]``.
    """

    both: Tensor
    first: Tensor
    second: Tensor
    rows: Tensor


class Window:
    """States and stages of some lanes, cut out of the arrays of all.

    Lanes in neighbouring slots, as those of a request mostly are, share memory with their cuts,
    which are made once: to make one takes as long as a step of a small state. Cuts of other lanes
    are copies.

    Args:
        path: States and maps of all lanes, ``[2, capacity, *shape]``.
        stages: Their stages.
        slots: Some of the lanes, ``[n]``.
        where: The same as an index on the device.
    """

    def __init__(self, path: Tensor, stages: Stages, slots: Slots, where: Index) -> None:
        self.slots = slots
        self._path, self._stages, self._where = path, stages, where
        self._shared = isinstance(where, slice)
        self._cuts: dict[int, Cut] = {}

    @property
    def path(self) -> Tensor:
        """States and maps, ``[2, n, *shape]``."""
        return self._cut(-1).both

    @property
    def x(self) -> Tensor:
        """States, ``[n, *shape]``."""
        return self._cut(-1).first

    def stage(self, number: int) -> Tensor:
        """Velocities and variances at a stage, ``[2, n, *shape]``."""
        return self._cut(number).both

    def velocity(self, number: int) -> Tensor:
        """Velocities at a stage, ``[n, *shape]``."""
        return self._cut(number).first

    def sum(self, weights: Floats) -> Tensor:
        """States and velocities with weights ``[n, STAGES]`` of the stages, ``[n, *shape]``."""
        return combine(self.x, self.velocity, weights)

    def step(self, weights: Floats) -> None:
        """Move states and maps by the stages with weights ``[n, STAGES]``."""
        path = self.path
        add_stages(path, self.stage, weights, 1)
        if not self._shared:
            self._path[:, self._where] = path

    def put(self, stage: Integers, velocity: Tensor, variance: Tensor) -> Tensor:
        """Store velocities and variances ``[n, *shape]``, each lane's at its stage.

        Returns:
            Their sums over components, ``[2, n]``.
        """
        first = int(stage[0])
        if self._shared and np.count_nonzero(stage == first) == len(stage):
            cut = self._cut(first)
            cut.first.copy_(velocity)
            cut.second.copy_(variance)
            return cut.rows.sum(2)
        device = self._path.device
        place = to_device(stage, device), to_device(self.slots, device)
        self._stages.velocity[place], self._stages.variance[place] = velocity, variance
        return torch.stack([velocity.flatten(1).sum(1), variance.flatten(1).sum(1)])

    def _cut(self, number: int) -> Cut:
        """Of a stage; of states and maps, if that is -1."""
        known = self._cuts.get(number)
        if known is not None:
            return known
        array = self._path if number < 0 else self._stages.path[number]
        both = array[:, self._where]
        first, second = both.unbind(0)
        cut = Cut(both, first, second, both.flatten(2))
        if self._shared:
            self._cuts[number] = cut
        return cut
