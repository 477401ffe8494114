"""The phases of a flow's lane: the processes that it goes through, from its origin to its end."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterator
from dataclasses import replace
from math import inf
from typing import cast

import numpy as np

from sureflow.core.lane import Array, Inverted, LaneSpec
from sureflow.core.lanes import Suspended
from sureflow.core.process import Process
from sureflow.families.flow.control import StepControl
from sureflow.families.flow.decode import Decode
from sureflow.families.flow.edits import Draw, draws
from sureflow.families.flow.encode import EncodeSample, EncodeText
from sureflow.families.flow.encodings import Encodings
from sureflow.families.flow.inversion import Inversion
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.operations import Guide, Inpaint, Resample
from sureflow.families.flow.picard import Picard
from sureflow.families.flow.process import DECODER, PREVIEW, SAMPLE_ENCODER
from sureflow.families.flow.renoise import Renoise
from sureflow.families.flow.resampling import Resampling
from sureflow.families.flow.solver import Solver
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.stepped_lanes import NEVER
from sureflow.sampling.lineage import Segment, last_resumable, segments


class FlowPhases:
    """Gives the processes of each lane in turn: the next begins when the present one is done.

    Args:
        lanes: The lanes.
        control: How steps are chosen.
        encodings: What encoders made lately, for all lanes of a model.
        stages: Networks that the model has besides its velocity.
        renoise: Makes the phase in which the model is asked about finished samples.
    """

    def __init__(
        self,
        lanes: FlowLanes,
        control: StepControl | None = None,
        encodings: Encodings | None = None,
        stages: Container[str] = (),
        renoise: Callable[[FlowLanes], Renoise] = Renoise,
    ) -> None:
        self.lanes = lanes
        encodings = Encodings() if encodings is None else encodings
        self._encode_text = EncodeText(lanes, encodings)
        encoded = lanes.decoded if SAMPLE_ENCODER in stages else None
        self._encode_sample = EncodeSample(lanes, encodings, encoded)
        self._decode = Decode(lanes, PREVIEW if PREVIEW in stages else DECODER)
        self._solver = Solver(lanes, control)
        self.picard = Picard(lanes)
        self._renoise = renoise(lanes)
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
        yield from self._ending(slot, spec)

    def resumed(
        self, slot: int, spec: LaneSpec, deadline: float, suspended: Suspended
    ) -> Iterator[Process]:
        """The same for a lane that goes on from where the solver was suspended."""
        lanes, lane = self.lanes, cast(FlowSpec, spec)
        self._solver.admit(slot, lane)
        lanes.deadline[slot] = deadline
        yield from self._encoded(slot)
        lanes.resume(slot, lane, suspended)
        yield self._solver
        yield from self._ending(slot, spec)

    def _ending(self, slot: int, spec: LaneSpec) -> Iterator[Process]:
        """The processes after the last step of a lane."""
        lanes = self.lanes
        finished = not (lanes.abandoned[slot] or lanes.halted[slot])
        if finished and any(lanes.scores[name].after for name in spec.scores):
            yield self._renoise
        if self._decode.needs(slot, finished):
            yield self._decode

    def _encoded(self, slot: int) -> Iterator[Process]:
        """The process that makes the condition of a lane's text, if there is need of it."""
        if self._encode_text.needs(slot):
            yield self._encode_text

    def _latent(self, slot: int, values: Array) -> Generator[Process, None, Array]:
        """The latent of values that a lane was given, which may have to be encoded."""
        if self._encode_sample.needs(slot, values):
            yield self._encode_sample
        return self._encode_sample.latent(slot)

    def _edit(self, slot: int, operation: object, draw: Draw) -> Iterator[Process]:
        """Apply an operation to a lane at every step from now on."""
        if isinstance(operation, Inpaint):
            known = yield from self._latent(slot, operation.known)
            operation = replace(operation, known=known)
        elif isinstance(operation, Guide) and operation.target is not None:
            target = yield from self._latent(slot, operation.target)
            operation = replace(operation, target=target)
        self._solver.edits.add(slot, operation, draw)

    def _segments(self, slot: int, way: list[Segment], deadline: float) -> Iterator[Process]:
        """The processes of the segments, beginning with the last one that has a usable frame."""
        lanes = self.lanes
        usable = last_resumable(way, lanes.suits)
        first = usable or 0
        yield from self._begin(slot, way[: first + 1], usable is not None)
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
            given = yield from self._latent(slot, segment.spec.origin.data)
            self._inversion.start_from(slot, given)
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
                        yield from self._edit(slot, operation, draw)

    def _join(self, slot: int, before: Segment, segment: Segment) -> Iterator[Process]:
        """Apply the operations between two segments, and let the lane continue as the second."""
        for operation, draw in self._drawn(segment):
            if isinstance(operation, Resample):
                self._resampling.prepare(slot, operation, draw)
                yield self._resampling
            else:
                yield from self._edit(slot, operation, draw)
            self._solver.edits.impose(slot)
        self.lanes.continue_as(slot, segment.spec, before.spec, bool(segment.operations))

    def _drawn(self, segment: Segment) -> Iterator[tuple[object, Draw]]:
        """The operations at the beginning of a segment, and their noise."""
        for number, operation in enumerate(segment.operations, segment.number):
            yield operation, draws(self.lanes, segment.spec, number)
