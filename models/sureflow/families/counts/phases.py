"""The phases of a lane of counts: from its origin through its edits."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import cast

import numpy as np

from sureflow.core.draw import Purpose, generator
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Suspended
from sureflow.core.process import Process
from sureflow.families.counts.lanes import CountLanes
from sureflow.families.counts.moves import thinned
from sureflow.families.counts.operations import Hold, Resample
from sureflow.families.counts.sampler import CountSampler
from sureflow.families.counts.spec import CountSpec
from sureflow.sampling.lineage import Segment, last_resumable, segments


class CountPhases:
    """Gives the process of each lane, once for each segment between its edits."""

    def __init__(self, lanes: CountLanes) -> None:
        self.lanes, self._sampler = lanes, CountSampler(lanes)

    def processes(self, slot: int, spec: LaneSpec, deadline: float = inf) -> Iterator[Process]:
        """Yield the sampler, beginning with the last segment that has a usable frame."""
        lanes, way = self.lanes, segments(spec)
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

    def resumed(
        self, slot: int, spec: LaneSpec, deadline: float, suspended: Suspended
    ) -> Iterator[Process]:
        """The same for a lane that goes on from where it was suspended."""
        self.lanes.admit(slot, cast(CountSpec, spec))
        self.lanes.resume(slot, spec, suspended)
        yield self._sampler

    def _apply(self, slot: int, segment: Segment) -> None:
        """Apply the operations at the beginning of a segment."""
        lanes, spec = self.lanes, segment.spec
        for number, operation in enumerate(segment.operations, segment.number):
            if isinstance(operation, Hold):
                lanes.held[slot] |= operation.mask
                lanes.known[slot, operation.mask] = operation.known[operation.mask]
                continue
            resample = cast(Resample, operation)
            region = ~lanes.held[slot]
            if isinstance(resample.region, np.ndarray):
                region = region & resample.region
            fresh = lanes.fresh(spec, Purpose.RESAMPLE, number)
            draw = generator(spec.seed, spec.index, Purpose.INPAINT, number)
            thin = thinned(lanes.x[slot], fresh, resample.strength, draw)
            lanes.x[slot] = np.where(region, thin, lanes.x[slot])
