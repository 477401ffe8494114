"""The way of a flow's lane through its processes, from where it comes to where it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import cast

import numpy as np

from sureflow.core.lane import LaneSpec
from sureflow.core.origin import Inverted
from sureflow.core.process import Process
from sureflow.families.flow.edits import Key
from sureflow.families.flow.inversion import Inversion
from sureflow.families.flow.lanes import NEVER, FlowLanes
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.picard import Picard
from sureflow.families.flow.redraw import Redraw
from sureflow.families.flow.renoise import Renoise
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.solver import Solver
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.lineage import Segment, segments


class FlowPhases:
    """Leads lanes from process to process; each is handed over when the one before is done.

    Args:
        lanes: The lanes.

    Attributes:
        picard: The process of lanes whose steps are evaluated ahead of time.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        self.lanes = lanes
        self._solver = Solver(lanes)
        self.picard = Picard(lanes)
        self._renoise = Renoise(lanes)
        self._redraw = Redraw(lanes)
        self._inversion = Inversion(lanes)

    def listen(self, listener: Callable[[int, float, float], object]) -> None:
        """Tell somebody of every lane's running score; no lane is then abandoned early."""
        self.lanes.early_stopping.listener = listener

    def pace(self, now: float, tick_s: float) -> None:
        """Tell lanes with a deadline what the time is, and how long a tick takes, in seconds."""
        self.lanes.now, self.lanes.tick_s = now, tick_s

    def along(self, slot: int, spec: LaneSpec, deadline: float = inf) -> Iterator[Process]:
        """The processes of a lane in turn, each with the lane already in it.

        What is only replayed does not hurry to the deadline, as it has to come out as it was.
        """
        lanes, lane = self.lanes, cast(FlowSpec, spec)
        if lane.parallel:
            self.picard.admit(slot, lane)
            yield self.picard
        elif lane.origin is None:
            self._solver.admit(slot, lane)
            lanes.deadline[slot] = deadline
            yield self._solver
        else:
            yield from self._segments(slot, segments(lane), deadline)
        finished = not (lanes.abandoned[slot] or lanes.halted[slot])
        if finished and any(SCORES[name].after for name in spec.scores):
            yield self._renoise

    def _segments(self, slot: int, way: list[Segment], deadline: float) -> Iterator[Process]:
        """One segment after another, from the last that a frame spares the way to."""
        lanes = self.lanes
        usable = [each.frame is not None and lanes.suits(each.spec, each.frame) for each in way]
        first = max(np.flatnonzero(usable), default=0)
        yield from self._set_out(slot, way[: first + 1], usable[first])
        before = None
        ends = [*(segment.begin for segment in way[1:]), NEVER]
        for segment, end in zip(way[first:], ends[first:], strict=True):
            if before is not None:
                yield from self._turn(slot, before, segment)
            if segment is way[-1]:
                lanes.deadline[slot] = deadline
            lanes.until[slot] = end
            lanes.recorder.pass_by(np.array([slot]))
            if lanes.step[slot] < end:
                yield self._solver
            # an adaptive parent may arrive before it is left
            if lanes.halted[slot] or lanes.t[slot] == 1:
                return
            before = segment

    def _set_out(self, slot: int, way: list[Segment], restored: bool) -> Iterator[Process]:
        """Put a lane at the beginning of all, or where it stood in the last segment's frame."""
        segment = way[-1]
        if not restored and isinstance(segment.spec.origin, Inverted):
            self._solver.edits.admit(slot)
            self._inversion.admit(slot, segment.spec)
            yield self._inversion
        else:
            self._solver.admit(slot, segment.spec)
        if restored:
            assert segment.frame is not None
            self.lanes.put(slot, segment.spec, segment.frame)
            for earlier in way:
                for key, operation in _keyed(earlier):
                    if not isinstance(operation, Resample):
                        self._solver.edits.hold(slot, operation, key)

    def _turn(self, slot: int, before: Segment, segment: Segment) -> Iterator[Process]:
        """Do what is to be done between two segments."""
        for key, operation in _keyed(segment):
            if isinstance(operation, Resample):
                self._redraw.prepare(slot, operation, key)
                yield self._redraw
            else:
                self._solver.edits.hold(slot, operation, key)
            self._solver.edits.impose(slot)
        self.lanes.go_on(slot, segment.spec, before.spec, bool(segment.operations))


def _keyed(segment: Segment) -> Iterator[tuple[Key, object]]:
    for number, operation in enumerate(segment.operations, segment.number):
        yield Key(segment.spec.seed, segment.spec.index, number), operation
