"""The way of a lane through the processes, from where it comes to where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import numpy as np

from sureflow.core.origin import Inverted
from sureflow.core.process import Process
from sureflow.families.flow.edits import Key
from sureflow.families.flow.frames import restore, suits
from sureflow.families.flow.inversion import Inversion
from sureflow.families.flow.lanes import NEVER, Lanes
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.picard import Picard
from sureflow.families.flow.redraw import Redraw
from sureflow.families.flow.renoise import Renoise
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.solver import Flow
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.lineage import Leg, legs


class Journeys:
    """Leads lanes from process to process; each is handed over when the one before is done.

    Args:
        lanes: The lanes.
        null_label: Label that stands for "no condition".

    Attributes:
        picard: The process of lanes whose steps are evaluated ahead of time.
    """

    def __init__(self, lanes: Lanes, null_label: int) -> None:
        self.lanes = lanes
        self.null_label = null_label
        self._flow = Flow(lanes, null_label)
        self.picard = Picard(lanes, null_label)
        self._renoise = Renoise(lanes)
        self._redraw = Redraw(lanes, null_label)
        self._inversion = Inversion(lanes, null_label)

    def along(self, slot: int, spec: FlowSpec, deadline: float = inf) -> Iterator[Process]:
        """The processes of a lane in turn, each with the lane already in it.

        Args:
            slot: A free slot.
            spec: The lane.
            deadline: See :meth:`~sureflow.sampling.Sampler.admit`. What is only replayed does not
                hurry, as it has to come out as it was.
        """
        lanes = self.lanes
        if spec.parallel:
            self.picard.admit(slot, spec)
            yield self.picard
        elif spec.origin is None:
            self._flow.admit(slot, spec)
            lanes.deadline[slot] = deadline
            yield self._flow
        else:
            yield from self._legs(slot, legs(spec), deadline)
        finished = not (lanes.abandoned[slot] or lanes.halted[slot])
        if finished and any(SCORES[name].after for name in spec.scores):
            self._renoise.admit(slot, spec)
            yield self._renoise

    def _legs(self, slot: int, way: list[Leg], deadline: float) -> Iterator[Process]:
        """One leg after another, beginning with the last that a frame spares the way to."""
        lanes = self.lanes
        usable = [leg.frame is not None and suits(lanes, leg.spec, leg.frame) for leg in way]
        first = max(np.flatnonzero(usable), default=0)
        yield from self._set_out(slot, way[: first + 1], usable[first])
        before = None
        ends = [*(leg.begin for leg in way[1:]), NEVER]
        for leg, end in zip(way[first:], ends[first:], strict=True):
            if before is not None:
                yield from self._turn(slot, before, leg)
            if leg is way[-1]:
                lanes.deadline[slot] = deadline
            lanes.until[slot] = end
            lanes.keeper.pass_by(np.array([slot]))
            if lanes.step[slot] < end:
                yield self._flow
            # an adaptive parent may arrive before it is left
            if lanes.halted[slot] or lanes.t[slot] == 1:
                return
            before = leg

    def _set_out(self, slot: int, way: list[Leg], restored: bool) -> Iterator[Process]:
        """Put a lane at the beginning of all, or where it stood in the frame of the last leg."""
        leg = way[-1]
        if not restored and isinstance(leg.spec.origin, Inverted):
            self._flow.edits.admit(slot)
            self._inversion.admit(slot, leg.spec)
            yield self._inversion
        else:
            self._flow.admit(slot, leg.spec)
        if restored:
            assert leg.frame is not None
            restore(self.lanes, slot, leg.spec, leg.frame)
            for earlier in way:
                for key, operation in _keyed(earlier):
                    if not isinstance(operation, Resample):
                        self._flow.edits.hold(slot, operation, key)

    def _turn(self, slot: int, before: Leg, leg: Leg) -> Iterator[Process]:
        """Do what is to be done between two legs."""
        for key, operation in _keyed(leg):
            if isinstance(operation, Resample):
                self._redraw.prepare(slot, operation, key)
                yield self._redraw
            else:
                self._flow.edits.hold(slot, operation, key)
            self._flow.edits.impose(slot)
        moved = bool(leg.operations)
        self.lanes.go_on(slot, leg.spec, before.spec, self.null_label, moved)


def _keyed(leg: Leg) -> Iterator[tuple[Key, object]]:
    for number, operation in enumerate(leg.operations, leg.number):
        yield Key(leg.spec.seed, leg.spec.index, number), operation
