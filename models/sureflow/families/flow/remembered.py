"""What multistep lanes remember of the steps before."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Floats, Slots
from sureflow.core.path import factors
from sureflow.families.flow.moving_lanes import MovingLanes
from sureflow.families.flow.stages import EARLIER, PREVIOUS


class Remembered:
    """The expected data of exponential lanes, from before a step till after it.

    Args:
        lanes: All lanes.
        slots: Those that are about to make a step, ``[n]``.
    """

    def __init__(self, lanes: MovingLanes, slots: Slots) -> None:
        self._lanes, traits = lanes, lanes.traits(slots)
        self._slots = slots[traits.multistep]
        self._exponential = slots[lanes.is_exponential(slots)]
        self._data: dict[int, Tensor] = {}
        if len(self._exponential):
            where = lanes.index(self._exponential)
            left = factors(1 - lanes.t[self._exponential], lanes.x)
            for source, target in ((PREVIOUS, EARLIER), (0, PREVIOUS)):
                toward = left * lanes.said.velocity[source, where]
                self._data[target] = lanes.x[where] + toward

    def keep(self) -> None:
        """Keep the first stage of lanes that have made a step, and the one before, for the next.

        A lane that leaves keeps them too, as it may return after an operation. Data are kept as
        velocities toward them from where the lane is now, also after a jump.
        """
        lanes, slots = self._lanes, self._exponential
        lanes.copy_stage(slots, PREVIOUS, EARLIER)
        lanes.copy_stage(self._slots, 0, PREVIOUS)
        if len(slots):
            where = lanes.index(slots)
            per_time = factors(_inverse(1 - lanes.t[slots]), lanes.x)
            for stage, data in self._data.items():
                lanes.said.velocity[stage, where] = (data - lanes.x[where]) * per_time


def _inverse(left: Floats) -> Floats:
    """One over the time that is left, 0 where there is none."""
    return np.divide(1, left, out=np.zeros_like(left), where=left > 0)
