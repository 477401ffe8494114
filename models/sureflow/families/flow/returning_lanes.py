"""Lanes on the way back, from given samples to noise."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.spec import FlowSpec


class ReturningLanes(FlowLanes):
    """Lanes that go from given samples to noise, at mirrored times.

    Their own time runs from 0 to 1, while that of the path runs from 1 to 0. Their scores are told
    the time of the path.
    """

    def __init__(self, forward: FlowLanes) -> None:
        """Make slots for as many lanes again.

        Args:
            forward: The same lanes on their way to samples. They share what they are conditioned
                on, which may have been encoded.
        """
        self._forward = forward
        super().__init__(
            forward.capacity,
            forward.shape,
            forward.device,
            bucket=forward.bucket,
            scores=forward.scores,
        )
        self.given = forward.given

    def path_time(self, t: Floats) -> Floats:
        """Time on the path from noise to data, mirrored."""
        return 1 - t

    def signal(self, t: Floats) -> Floats:
        """That of the forward lanes, at the same time of the path."""
        return self._forward.signal(t)

    def is_exponential(self, slots: Slots) -> Flags:
        """None: on the way back a multistep method extrapolates the velocity, as ``ab2``."""
        return np.zeros(len(slots), np.bool_)

    def times_of(self, spec: FlowSpec) -> Floats:
        """The fixed grid of a spec, mirrored."""
        return 1 - self._forward.times_of(spec)[::-1]

    def values_at_noise(self, slot: int, scores: tuple[str, ...]) -> dict[str, float]:
        """The values of scores of a lane that has come to its noise, by name."""
        found = {"noise": self.x[slot : slot + 1]}
        return {
            name: float(self.scoring.values(name, np.array([slot]), found.__getitem__)[0])
            for name in scores
        }
