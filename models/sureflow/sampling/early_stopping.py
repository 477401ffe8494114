"""Ending lanes early that are foreseen to be of no use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sureflow.core.arrays import Slots
from sureflow.core.early import EarlyRule
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Lanes

Listener = Callable[[int, float, float], object]


class EarlyStopping:
    """Abandons lanes that cannot become sure enough, by their running scores.

    The running score is that of the sample if it ended as is foreseen now. Lanes that may not be
    abandoned cost nothing.

    Args:
        lanes: The lanes in flight.
        early: Bounds by name of score.

    Attributes:
        listener: If given, told ``(slot, t, running score)`` of every lane at every step instead.
    """

    def __init__(self, lanes: Lanes, early: Mapping[str, EarlyRule]) -> None:
        self._lanes = lanes
        self._early = early
        self._specs: dict[int, LaneSpec] = {}
        self.listener: Listener | None = None

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Take note of what has been put into a slot."""
        self._specs.pop(slot, None)
        if self.listener or (spec.early and spec.scores[0] in self._early):
            self._specs[slot] = spec

    def check(self, slots: Slots) -> None:
        """Mark those of these lanes, each at the start of a step, that should stop as abandoned."""
        if not self._specs:
            return
        by_score: dict[str, list[int]] = {}
        for slot in slots.tolist():
            if slot in self._specs:
                by_score.setdefault(self._specs[slot].scores[0], []).append(slot)
        for score, chosen in by_score.items():
            running = self._lanes.running_score(score, np.array(chosen)).tolist()
            for slot, value in zip(chosen, running, strict=True):
                spec, t = self._specs[slot], float(self._lanes.t[slot])
                if self.listener:
                    self.listener(slot, t, value)
                elif spec.early and t > 0:
                    stop = self._early[score].should_stop(value, t, spec, spec.early)
                    self._lanes.abandoned[slot] = stop
