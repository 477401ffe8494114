"""The processes that a lane goes through: its warm-up, its method, and edits in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from sureflow.core.draw import Purpose
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Process
from sureflow.families.annealed.annealing import Annealing
from sureflow.families.annealed.draws import normal
from sureflow.families.annealed.lanes import AnnealedLanes
from sureflow.families.annealed.operations import Guide, Hold, Resample
from sureflow.families.annealed.process import PointsProcess
from sureflow.families.annealed.spec import ANNEALING, TRANSPORT, AnnealedSpec
from sureflow.families.annealed.tempering import Tempering
from sureflow.families.annealed.transport import Transport
from sureflow.sampling.lineage import Segment, last_resumable, segments


class AnnealedPhases:
    """Gives the processes of each lane in turn: the next begins when the present one is done."""

    def __init__(self, lanes: AnnealedLanes) -> None:
        self.lanes = lanes
        self._tempering, self._annealing = Tempering(lanes), Annealing(lanes)
        self._transport = Transport(lanes)

    def processes(self, slot: int, spec: LaneSpec, deadline: float) -> Iterator[Process]:
        """Yield the processes of a lane one after another, each once it is admitted to it."""
        lanes, way = self.lanes, segments(spec)
        usable = last_resumable(way, lanes.suits)
        first = usable or 0
        lanes.admit(slot, cast(AnnealedSpec, way[first].spec))
        if usable is not None:
            self._restore(slot, way[: first + 1])
        else:
            self._draw(slot)
        ends = [*(segment.begin for segment in way[1:]), None]
        lanes.recorder.record_frames(np.array([slot]))
        for number, end in list(enumerate(ends))[first:]:
            if number > first:
                self._join(slot, way[number])
                lanes.recorder.record_frames(np.array([slot]))
            yield from self._until(slot, end)
            if lanes.halted[slot]:
                return

    def _until(self, slot: int, end: int | None) -> Iterator[Process]:
        """The processes until a number of steps, or to the end."""
        lanes, spec = self.lanes, self.lanes.specs[slot]
        last = spec.moves if end is None else min(end, spec.moves)
        while lanes.step[slot] < last:
            process = self._process(slot)
            tuning = process is self._tempering and spec.method in (ANNEALING, TRANSPORT)
            lanes.leave_at[slot] = min(last, spec.warmup) if tuning else last
            yield process
            if lanes.halted[slot]:
                return
            if lanes.step[slot] < last:
                lanes.recorder.record_frames(np.array([slot]))

    def _process(self, slot: int) -> PointsProcess:
        """The process of the step that a lane is at, which it is prepared for."""
        lanes, spec = self.lanes, self.lanes.specs[slot]
        if spec.method not in (ANNEALING, TRANSPORT) or lanes.step[slot] < spec.warmup:
            return self._tempering
        process = self._annealing if spec.method == ANNEALING else self._transport
        if not lanes.begun[slot]:
            process.start(slot)
        return process

    def _draw(self, slot: int) -> None:
        """Draw all points of a new lane from the reference."""
        lanes, rows = self.lanes, int(self.lanes.rows[slot])
        spec, law = lanes.specs[slot], lanes.law
        fresh = normal(spec, Purpose.START, 0, (rows, law.mean.size))
        lanes.z[slot, :rows] = law.mean + law.scale * fresh

    def _restore(self, slot: int, way: list[Segment]) -> None:
        """Restore a lane from the frame of the last of these segments, with its edits so far."""
        frame = way[-1].frame
        assert frame is not None
        self.lanes.restore(slot, way[-1].spec, frame)
        for segment in way:
            for operation in segment.operations:
                self._restrain(slot, operation)

    def _restrain(self, slot: int, operation: Any) -> None:
        """What an operation does to a lane from then on."""
        if isinstance(operation, Hold):
            self.lanes.hold(slot, operation)
        elif isinstance(operation, Guide):
            self.lanes.restraints[slot].append(operation)

    def _join(self, slot: int, segment: Segment) -> None:
        """Apply the operations before a segment, and let the lane continue as that one."""
        lanes, before = self.lanes, self.lanes.specs[slot]
        spec = cast(AnnealedSpec, segment.spec)
        lanes.continue_as(slot, spec)
        lanes.recorder.continue_as(slot, spec)
        for number, operation in enumerate(segment.operations, segment.number):
            self._restrain(slot, operation)
            if isinstance(operation, Hold):
                self._hold(slot, number)
            elif isinstance(operation, Resample):
                self._resample(slot, operation, number)
        if segment.operations or _parameters(before) != _parameters(spec):
            lanes.known[slot] = False
            self._forget(slot)

    def _hold(self, slot: int, number: int) -> None:
        """Put the held components of all points where they are held; annealing begins anew."""
        lanes, rows = self.lanes, int(self.lanes.rows[slot])
        free = lanes.free[slot] == 1
        lanes.z[slot, :rows] = np.where(free, lanes.z[slot, :rows], lanes.held[slot])
        if lanes.specs[slot].method == ANNEALING and lanes.begun[slot]:
            self._annealing.start(slot, number, int(lanes.step[slot]))

    def _resample(self, slot: int, operation: Resample, number: int) -> None:
        """Temper anew: an annealing comes down again, a ladder has its hottest replicas renewed."""
        lanes, rows = self.lanes, int(self.lanes.rows[slot])
        spec = lanes.specs[slot]
        if lanes.begun[slot] and spec.method == ANNEALING:
            if operation.strength == 1:
                self._annealing.start(slot, number, int(lanes.step[slot]))
            else:
                self._annealing.retemper(slot, operation.strength)
            return
        law, renewed = lanes.law, max(round(operation.strength * rows), 1)
        fresh = normal(spec, Purpose.RESAMPLE, number, (rows, law.mean.size))
        drawn = np.where(lanes.free[slot] == 1, law.mean + law.scale * fresh, lanes.held[slot])
        lanes.z[slot, :renewed] = drawn[:renewed]

    def _forget(self, slot: int) -> None:
        """Forget the averages, which were those of another law."""
        lanes = self.lanes
        lanes.mass[slot], lanes.seen[slot] = -np.inf, 0
        for counted in (lanes.swaps, lanes.refused, lanes.center, lanes.spread, lanes.roam):
            counted[slot] = 0
        lanes.roam_mean[slot], lanes.roam_square[slot] = 0, 0


def _parameters(spec: AnnealedSpec) -> dict[str, bytes]:
    return {name: np.asarray(array).tobytes() for name, array in spec.condition.items()}
