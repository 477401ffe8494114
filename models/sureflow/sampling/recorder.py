"""The recorder: keeps frames and views of lanes in flight."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sureflow.core.arrays import Slots
from sureflow.core.commit import commit_point, is_open, step_at
from sureflow.core.frame import Frame
from sureflow.core.lane import LaneSpec, View
from sureflow.core.lanes import Lanes

SAME = 1e-9
"""Times this close are one."""


@dataclass(slots=True)
class _Record:
    """What is recorded of a lane: its views, and its frames by the names of :meth:`_wanted`."""

    spec: LaneSpec
    views: dict[int, View]
    frames: dict[object, Frame] = field(default_factory=dict)


class TrajectoryRecorder:
    """Records the frames and views that a lane's spec asks for. Other lanes cost nothing.

    The commit point is known only at the end of a lane. It is the end of the last step that began
    with most of the variance remaining, so the frame after every such step replaces the previous
    one. In the same way, the last step before a given time is known only once the next one begins.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._of: dict[int, _Record] = {}

    @property
    def any(self) -> bool:
        """Whether anything is recorded of any lane."""
        return bool(self._of)

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a new lane in a slot."""
        self._of.pop(slot, None)
        self.continue_as(slot, spec)

    def take(self, slot: int) -> object:
        """What is recorded of a lane that leaves its slot for a while."""
        return self._of.get(slot)

    def put(self, slot: int, recorded: object) -> None:
        """Go on recording a lane in another slot."""
        if isinstance(recorded, _Record):
            self._of[slot] = recorded

    def continue_as(self, slot: int, spec: LaneSpec) -> None:
        """Continue a lane with another spec; its views so far are kept."""
        before = self._of.pop(slot, None)
        if spec.keep or spec.watch or spec.halt is not None:
            self._of[slot] = _Record(spec, before.views if before else {})

    def record_frames(self, slots: Slots) -> None:
        """Record frames of lanes at the beginning of a step, before its first evaluation."""
        if not self._of:
            return
        for slot in slots.tolist():
            record = self._of.get(slot)
            if record and (wanted := self._wanted(slot, record.spec)):
                record.frames.update(dict.fromkeys(wanted, self._lanes.take_frame(slot)))

    def record_views(self, slots: Slots) -> None:
        """Record views of lanes after the first evaluation of a step, and mark halted lanes."""
        if not self._of:
            return
        for slot in slots.tolist():
            record, step = self._of.get(slot), int(self._lanes.step[slot])
            if record and step in record.spec.watch:
                record.views[step] = self._lanes.view(slot)
            if record and step == record.spec.halt:
                self._lanes.halted[slot] = True

    def frames(self, slot: int) -> tuple[Frame, ...]:
        """The recorded frames of a lane, ascending."""
        record = self._of.get(slot)
        if record is None:
            return ()
        by_step = {frame.step: frame for frame in record.frames.values()}
        if by_step and record.spec.keep == "commit":
            step = self._committed(slot, record.spec.shift)
            return (by_step[step],) if step in by_step else ()
        return tuple(by_step[step] for step in sorted(by_step))

    def views(self, slot: int) -> tuple[View, ...]:
        """The recorded views of a lane, ascending."""
        record = self._of.get(slot)
        return tuple(record.views[step] for step in sorted(record.views)) if record else ()

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
