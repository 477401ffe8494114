"""Points of several lanes in one row: some of the first lane, then some of the next."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Flags, Integers
from sureflow.core.transfer import to_device


class Points:
    """Which point of the row is whose.

    Attributes:
        count: Points of each lane, ``[lanes]``.
        first: Where in the row each lane's begin, ``[lanes]``.
        lane: Lane of each point, ``[points]``.
        place: Its position among the points of its lane, ``[points]``.
    """

    def __init__(self, count: Integers) -> None:
        self.count = count
        self.first = np.cumsum(count) - count
        self.lane = np.repeat(np.arange(len(count)), count)
        self.place = np.arange(len(self.lane)) - self.first[self.lane]

    def of(self, values: Tensor) -> Tensor:
        """The points' own values ``[points, *shape]`` out of ``[lanes, places, *shape]``."""
        return values[self._index(values)]

    def spread(self, values: Tensor) -> Tensor:
        """``[points, *shape]`` as ``[lanes, most, *shape]``, with zeros where there is no point."""
        whole = values.new_zeros(len(self.count), int(self.count.max()), *values.shape[1:])
        whole[self._index(values)] = values
        return whole

    def leading(self, flags: Flags) -> Integers:
        """How many points of each lane come before its first one without flag, ``[lanes]``.

        Every lane must have a point.
        """
        until = np.where(flags, self.count[self.lane], self.place)
        least: Integers = np.minimum.reduceat(until, self.first)
        return least

    def _index(self, values: Tensor) -> tuple[Tensor, Tensor]:
        return to_device(self.lane, values.device), to_device(self.place, values.device)
