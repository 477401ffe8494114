"""The phases of a lane of tokens: from its origin through its edits to what is read at the end."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import cast

import numpy as np

from sureflow.core.draw import Purpose, uniform
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Suspended
from sureflow.core.process import Process
from sureflow.families.tokens.lanes import TokenLanes
from sureflow.families.tokens.operations import Guide, Hold, Resample
from sureflow.families.tokens.reading import Reading
from sureflow.families.tokens.remasking import guide, hold, remask
from sureflow.families.tokens.sampler import TokenSampler
from sureflow.families.tokens.scores.catalogue import rows_after
from sureflow.families.tokens.spec import TokenSpec
from sureflow.sampling.lineage import Segment, last_resumable, segments


class TokenPhases:
    """Gives the processes of each lane in turn."""

    def __init__(self, lanes: TokenLanes) -> None:
        self.lanes = lanes
        self._sampler, self._reading = TokenSampler(lanes), Reading(lanes)

    def processes(self, slot: int, spec: LaneSpec, deadline: float = inf) -> Iterator[Process]:
        """Yield the processes of a lane one after another, each once the lane is admitted to it."""
        yield from self._segments(slot, segments(spec))
        yield from self._ending(slot, spec)

    def resumed(
        self, slot: int, spec: LaneSpec, deadline: float, suspended: Suspended
    ) -> Iterator[Process]:
        """The same for a lane that goes on from where it was suspended."""
        self.lanes.admit(slot, cast(TokenSpec, spec))
        self.lanes.resume(slot, spec, suspended)
        yield self._sampler
        yield from self._ending(slot, spec)

    def _ending(self, slot: int, spec: LaneSpec) -> Iterator[Process]:
        lanes = self.lanes
        if not (lanes.abandoned[slot] or lanes.halted[slot]) and rows_after(spec.scores):
            yield self._reading

    def _segments(self, slot: int, way: list[Segment]) -> Iterator[Process]:
        """The sampler for each segment, beginning with the last one that has a usable frame."""
        lanes = self.lanes
        usable = last_resumable(way, lanes.suits)
        first = usable or 0
        lanes.admit(slot, way[first].spec)
        frame = way[first].frame
        if usable is not None and frame is not None:
            lanes.restore(slot, way[first].spec, frame)
        ends = [*(segment.begin for segment in way[1:]), lanes.most_steps]
        for number, (segment, end) in enumerate(zip(way[first:], ends[first:], strict=True)):
            if number:
                lanes.continue_as(slot, segment.spec)
                self._apply(slot, segment)
            lanes.leave_at[slot] = end
            lanes.recorder.record_frames(np.array([slot]))
            if lanes.step[slot] < end:
                yield self._sampler
            if lanes.halted[slot] or lanes.abandoned[slot] or lanes.t[slot] >= 1:
                return

    def _apply(self, slot: int, segment: Segment) -> None:
        """Apply the operations at the beginning of a segment."""
        spec = segment.spec
        for number, operation in enumerate(segment.operations, segment.number):
            if isinstance(operation, Hold):
                hold(self.lanes, slot, operation)
            elif isinstance(operation, Guide):
                guide(self.lanes, slot, operation)
            else:
                u = uniform(
                    (self.lanes.length,), spec.seed, spec.index, Purpose.RESAMPLE, number
                ).numpy()
                remask(self.lanes, slot, cast(Resample, operation), u)
