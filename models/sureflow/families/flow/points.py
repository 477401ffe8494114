"""Points of several lanes in one batch: those of the first lane, then those of the next."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Flags, Integers
from sureflow.core.transfer import to_device


class Points:
    """Says which point of the batch belongs to which lane.

    Attributes:
        count: Number of points of each lane, ``[lanes]``.
        first: Index of each lane's first point, ``[lanes]``.
        lane: Lane of each point, ``[points]``.
        position: Position of each point among those of its lane, ``[points]``.
    """

    def __init__(self, count: Integers) -> None:
        self.count = count
        self.first = np.cumsum(count) - count
        self.lane = np.repeat(np.arange(len(count)), count)
        self.position = np.arange(len(self.lane)) - self.first[self.lane]

    def of(self, values: Tensor) -> Tensor:
        """Pick the values of the points, ``[points, *shape]``, from ``[lanes, most, *shape]``."""
        return values[self._index(values)]

    def padded(self, values: Tensor) -> Tensor:
        """``[points, *shape]`` as ``[lanes, most, *shape]``, padded with zeros."""
        whole = values.new_zeros(len(self.count), int(self.count.max()), *values.shape[1:])
        whole[self._index(values)] = values
        return whole

    def leading(self, flags: Flags) -> Integers:
        """Number of points of each lane before its first one whose flag is false, ``[lanes]``.

        Every lane must have a point.
        """
        until = np.where(flags, self.count[self.lane], self.position)
        least: Integers = np.minimum.reduceat(until, self.first)
        return least

    def _index(self, values: Tensor) -> tuple[Tensor, Tensor]:
        return to_device(self.lane, values.device), to_device(self.position, values.device)
