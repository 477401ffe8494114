"""The phases of a flow's lane: the processes that it goes through, from its origin to its end."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import cast

import numpy as np

from sureflow.core.lane import Inverted, LaneSpec
from sureflow.core.process import Process
from sureflow.families.flow.control import StepControl
from sureflow.families.flow.decode import Decode
from sureflow.families.flow.edits import Draw, draws
from sureflow.families.flow.embeddings import Embeddings
from sureflow.families.flow.encode import Encode
from sureflow.families.flow.inversion import Inversion
from sureflow.families.flow.lanes import NEVER, FlowLanes
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.picard import Picard
from sureflow.families.flow.renoise import Renoise
from sureflow.families.flow.resampling import Resampling
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.solver import Solver
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.lineage import Segment, segments


class FlowPhases:
    """Gives the processes of each lane in turn: the next begins when the present one is done."""

    def __init__(
        self,
        lanes: FlowLanes,
        control: StepControl | None = None,
        embeddings: Embeddings | None = None,
    ) -> None:
        self.lanes = lanes
        self._encode = Encode(lanes, Embeddings() if embeddings is None else embeddings)
        self._decode = Decode(lanes)
        self._solver = Solver(lanes, control)
        self.picard = Picard(lanes)
        self._renoise = Renoise(lanes)
        self._resampling = Resampling(lanes)
        self._inversion = Inversion(lanes)

    def processes(self, slot: int, spec: LaneSpec, deadline: float = inf) -> Iterator[Process]:
        """Yield the processes of a lane one after another, each once the lane is admitted to it.

        The deadline does not apply to steps of a parent, which must give the same bytes as before.
        """
        lanes, lane = self.lanes, cast(FlowSpec, spec)
        if lane.parallel:
            self.picard.admit(slot, lane)
            yield from self._encoded(slot)
            yield self.picard
        elif lane.origin is None:
            self._solver.admit(slot, lane)
            lanes.deadline[slot] = deadline
            yield from self._encoded(slot)
            yield self._solver
        else:
            yield from self._segments(slot, segments(lane), deadline)
        finished = not (lanes.abandoned[slot] or lanes.halted[slot])
        if finished and any(SCORES[name].after for name in spec.scores):
            yield self._renoise
        if self._decode.needs(slot, finished):
            yield self._decode

    def _encoded(self, slot: int) -> Iterator[Process]:
        """The process that makes the condition of a lane's text, if there is need of it."""
        if self._encode.needs(slot):
            yield self._encode

    def _segments(self, slot: int, way: list[Segment], deadline: float) -> Iterator[Process]:
        """The processes of the segments, beginning with the last one that has a usable frame."""
        lanes = self.lanes
        usable = [each.frame is not None and lanes.suits(each.spec, each.frame) for each in way]
        first = max(np.flatnonzero(usable), default=0)
        yield from self._begin(slot, way[: first + 1], usable[first])
        before = None
        ends = [*(segment.begin for segment in way[1:]), NEVER]
        for segment, end in zip(way[first:], ends[first:], strict=True):
            if before is not None:
                yield from self._join(slot, before, segment)
                yield from self._encoded(slot)
            if segment is way[-1]:
                lanes.deadline[slot] = deadline
            lanes.leave_at[slot] = end
            lanes.recorder.record_frames(np.array([slot]))
            if lanes.step[slot] < end:
                yield self._solver
            # An adaptive parent may reach t = 1 before the step of the branch.
            if lanes.halted[slot] or lanes.t[slot] == 1:
                return
            before = segment

    def _begin(self, slot: int, way: list[Segment], restored: bool) -> Iterator[Process]:
        """Start a lane at its first ancestor, or restore it from the last segment's frame."""
        segment = way[-1]
        if not restored and isinstance(segment.spec.origin, Inverted):
            self._solver.edits.admit(slot)
            self._inversion.admit(slot, segment.spec)
            yield from self._encoded(slot)
            yield self._inversion
        else:
            self._solver.admit(slot, segment.spec)
            yield from self._encoded(slot)
        if restored:
            assert segment.frame is not None
            self.lanes.restore(slot, segment.spec, segment.frame)
            for earlier in way:
                for operation, draw in self._drawn(earlier):
                    if not isinstance(operation, Resample):
                        self._solver.edits.add(slot, operation, draw)

    def _join(self, slot: int, before: Segment, segment: Segment) -> Iterator[Process]:
        """Apply the operations between two segments, and let the lane continue as the second."""
        for operation, draw in self._drawn(segment):
            if isinstance(operation, Resample):
                self._resampling.prepare(slot, operation, draw)
                yield self._resampling
            else:
                self._solver.edits.add(slot, operation, draw)
            self._solver.edits.impose(slot)
        self.lanes.continue_as(slot, segment.spec, before.spec, bool(segment.operations))

    def _drawn(self, segment: Segment) -> Iterator[tuple[object, Draw]]:
        """The operations at the beginning of a segment, and their noise."""
        for number, operation in enumerate(segment.operations, segment.number):
            yield operation, draws(self.lanes, segment.spec, number)
