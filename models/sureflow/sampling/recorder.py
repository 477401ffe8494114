"""The recorder: keeps frames and views of lanes in flight."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Slots
from sureflow.core.commit import commit_point, is_open, step_at
from sureflow.core.frame import Frame
from sureflow.core.lane import LaneSpec, View
from sureflow.core.lanes import Lanes

SAME = 1e-9
"""Times this close are one."""


class TrajectoryRecorder:
    """Records the frames and views that a lane's spec asks for. Other lanes cost nothing.

    The commit point is known only at the end of a lane. It is the end of the last step that began
    with most of the variance remaining, so the frame after every such step replaces the previous
    one. In the same way, the last step before a given time is known only once the next one begins.

    Args:
        lanes: The lanes in flight.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._specs: dict[int, LaneSpec] = {}
        self._frames: dict[int, dict[object, Frame]] = {}
        self._views: dict[int, dict[int, View]] = {}

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a new lane in a slot."""
        self._specs.pop(slot, None)
        self._frames.pop(slot, None)
        self._views.pop(slot, None)
        if spec.keep or spec.watch or spec.halt is not None:
            self._specs[slot], self._frames[slot], self._views[slot] = spec, {}, {}

    def continue_as(self, slot: int, spec: LaneSpec) -> None:
        """Continue a lane with another spec; its views so far are kept."""
        views = self._views.get(slot, {})
        self.admit(slot, spec)
        if slot in self._views:
            self._views[slot] = views

    def record_frames(self, slots: Slots) -> None:
        """Record frames of lanes at the beginning of a step, before its first evaluation."""
        if not self._specs:
            return
        for slot in slots.tolist():
            spec = self._specs.get(slot)
            wanted = self._wanted(slot, spec) if spec else []
            if wanted:
                self._frames[slot].update(dict.fromkeys(wanted, self._lanes.take_frame(slot)))

    def record_views(self, slots: Slots) -> None:
        """Record views of lanes after the first evaluation of a step, and mark halted lanes."""
        if not self._specs:
            return
        for slot in slots.tolist():
            spec, step = self._specs.get(slot), int(self._lanes.step[slot])
            if spec and step in spec.watch:
                self._views[slot][step] = self._lanes.view(slot)
            if spec and step == spec.halt:
                self._lanes.halted[slot] = True

    def frames(self, slot: int) -> tuple[Frame, ...]:
        """The recorded frames of a lane, ascending."""
        frames = self._frames.get(slot, {})
        if frames and self._specs[slot].keep == "commit":
            step = self._committed(slot, self._specs[slot].shift)
            frames = {name: frame for name, frame in frames.items() if frame.step == step}
        by_step = {frame.step: frame for frame in frames.values()}
        return tuple(by_step[step] for step in sorted(by_step))

    def views(self, slot: int) -> tuple[View, ...]:
        """The recorded views of a lane, ascending."""
        views = self._views.get(slot, {})
        return tuple(views[step] for step in sorted(views))

    def _committed(self, slot: int, shift: float) -> int:
        """The step at which a lane committed, or the one that began ``shift`` before it."""
        steps = max(int(self._lanes.step[slot]), 1)
        t, rate = self._lanes.times[slot, :steps], self._lanes.rates[slot, :steps]
        commit = commit_point(t, rate)
        return step_at(t, commit.t + shift) if shift else commit.step

    def _wanted(self, slot: int, spec: LaneSpec) -> list[object]:
        """Names under which a frame taken now is stored; it may be replaced later."""
        lanes, step, t = self._lanes, int(self._lanes.step[slot]), self._lanes.t[slot]
        if spec.keep == "all" or (spec.keep and spec.shift):
            return [step]
        if spec.keep == "commit":
            last = np.array([0, step - 1])
            begun = lanes.times[slot, last], lanes.rates[slot, last]
            return ["commit"] if step == 0 or is_open(*begun)[1] else []
        following = lanes.next_step_t(slot)
        return [time for time in spec.keep if t <= time + SAME and not t < following <= time + SAME]
