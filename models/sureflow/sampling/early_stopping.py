"""Foreseeing, at the start of a step, how a lane will end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from sureflow.confidence.early import Early
from sureflow.core.arrays import Floats
from sureflow.core.path import broadcast
from sureflow.core.transfer import to_device
from sureflow.families.flow.spec import FlowSpec

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Lanes

Hear = Callable[[int, float, float], object]


class Foresight:
    """Abandons lanes that cannot become sure enough, by their running scores.

    The running score is that of the sample if it ended where its velocity points now. Lanes that
    may not be abandoned cost nothing.

    Args:
        lanes: The lanes in flight.
        early: Bounds by name of score.

    Attributes:
        hear: If given, told ``(slot, t, running score)`` of every lane at every step instead.
    """

    def __init__(self, lanes: Lanes, early: Mapping[str, Early]) -> None:
        self._lanes = lanes
        self._early = early
        self._specs: dict[int, FlowSpec] = {}
        self.hear: Hear | None = None

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Take note of what has been put into a slot."""
        self._specs.pop(slot, None)
        if self.hear or (spec.early and spec.scores[0] in self._early):
            self._specs[slot] = spec

    def look(self, slots: Slots) -> None:
        """Mark the hopeless ones of these lanes, each at the start of a step, as abandoned."""
        if not self._specs:
            return
        by_score: dict[str, list[int]] = {}
        for slot in slots.tolist():
            if slot in self._specs:
                by_score.setdefault(self._specs[slot].scores[0], []).append(slot)
        for score, chosen in by_score.items():
            part = np.array(chosen)
            for slot, running in zip(chosen, self.running(score, part), strict=True):
                spec, t = self._specs[slot], float(self._lanes.t[slot])
                if self.hear:
                    self.hear(slot, t, float(running))
                elif spec.early and t > 0:
                    self._lanes.abandoned[slot] = self._early[score].should_stop(
                        float(running), t, spec, spec.early
                    )

    def running(self, score: str, slots: Slots) -> Floats:
        """The score of lanes whose velocity at the start of their step is known, ``[n]``."""
        lanes = self._lanes
        where = lanes.index(slots)
        left = to_device((1 - lanes.t[slots]).astype(np.float32), lanes.device)
        end = lanes.x[where] + broadcast(left, lanes.x) * lanes.k[0, where]
        return lanes.followed.values(score, slots, end)
