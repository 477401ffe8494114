"""The base of the processes: moves of points, with rows of the head ``density``."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.transfer import to_device, to_host
from sureflow.families.annealed.draws import draw_move
from sureflow.families.annealed.lanes import AnnealedLanes
from sureflow.families.annealed.moves import Judged, Moves
from sureflow.families.annealed.outcome import outcome

DENSITY = "density"
"""Name of the head: log density and gradient."""


class PointsProcess:
    """Moves the points of lanes; a subclass says at which temperatures, and what follows.

    All lanes that it moves at once ask for a row per point. A move takes ``leapfrog`` of them.
    """

    def __init__(self, lanes: AnnealedLanes) -> None:
        self.lanes, self.moves = lanes, Moves(lanes)

    @abstractmethod
    def levels(self, slots: Slots, rows: int) -> tuple[Floats, Floats]:
        """Inverse temperatures and step sizes of the move under way, ``[n, R]``."""

    @abstractmethod
    def moved(self, slots: Slots, rows: int, judged: Judged) -> None:
        """Put the points where the move has taken them, and account for it."""

    def begin(self, slots: Slots, rows: int) -> None:
        """Draw for the next move of these lanes, and propose where the points shall go."""
        lanes, part = self.lanes, np.s_[slots, :rows]
        self.begun(slots, rows)
        draw_move(lanes, slots, rows)
        lanes.at_beta[part], lanes.at_size[part] = self.levels(slots, rows)
        self.moves.begin(slots, rows)

    def ask(self, slots: Slots) -> list[Query]:
        """The points of lanes that are new, and the proposals of the others; a query per size."""
        lanes, queries = self.lanes, []
        for rows, chosen in lanes.groups(slots):
            own = slots[chosen]
            starting = own[lanes.known[own] & (lanes.leap[own] == 0)]
            if len(starting):
                self.begin(starting, rows)
            known = lanes.known[own][:, None, None]
            at = np.where(known, lanes.proposal[own, :rows], lanes.z[own, :rows])
            inputs = {"z": at.reshape(-1, at.shape[-1]), **lanes.given(own, rows)}
            device = lanes.network.mean.device
            queries.append(
                Query(DENSITY, {name: to_device(z, device) for name, z in inputs.items()})
            )
        return queries

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Move the lanes; those whose density is nowhere finite have diverged."""
        lanes = self.lanes
        lost = np.zeros(len(slots), np.bool_)
        for (rows, chosen), reply in zip(lanes.groups(slots), replies, strict=True):
            own = slots[chosen]
            lanes.recorder.record_views(own[lanes.known[own] & (lanes.leap[own] == 0)])
            target, gradient = self._law(own, rows, reply)
            lanes.evaluations[own] += rows
            new = ~lanes.known[own]
            if new.any():
                self._learn(own[new], rows, target[new], gradient[new])
            if not new.all():
                self._advance(own[~new], rows, target[~new], gradient[~new])
            lost[chosen] = ~np.isfinite(target).any(1) & new
        done = lanes.step[slots] >= lanes.leave_at[slots]
        return (done & lanes.known[slots]) | lanes.halted[slots], lost

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The result of a lane in its present state."""
        return outcome(self.lanes, slot)

    def release(self, slot: int) -> None:
        """Do nothing: the next lane overwrites the slot, and another process may go on with it."""

    def _law(self, slots: Slots, rows: int, reply: Reply) -> tuple[Any, Any]:
        """Log density and gradient by each lane's own parameters, ``[n, R]`` and ``[n, R, d]``.

        What is no number counts as no density, and no slope.
        """
        lanes, size = self.lanes, self.lanes.law.mean.size
        target = to_host(reply["log_density"]).reshape(-1, rows)
        gradient = to_host(reply["gradient"]).reshape(-1, rows, size)
        target = np.where(np.isfinite(target), target, -np.inf)
        gradient = np.where(np.isfinite(gradient), gradient, 0.0)
        for row, slot in enumerate(slots.tolist()):
            if lanes.temperature[slot] != 1 or lanes.restraints[slot]:
                at = (lanes.proposal if lanes.known[slot] else lanes.z)[slot, :rows]
                found = lanes.law_at(slot, at, target[row], gradient[row])
                target[row], gradient[row] = found
        return target, gradient

    def _learn(self, slots: Slots, rows: int, target: Floats, gradient: Floats) -> None:
        """Store the density at the points of lanes, at the beginning or after a change."""
        lanes = self.lanes
        self.changed(slots, rows, target)
        lanes.target[slots, :rows], lanes.gradient[slots, :rows] = target, gradient
        lanes.known[slots], lanes.leap[slots] = True, 0

    def changed(self, slots: Slots, rows: int, target: Floats) -> None:
        """Account for another density at the points than before."""

    def _advance(self, slots: Slots, rows: int, target: Floats, gradient: Floats) -> None:
        """Another leapfrog step, or the end of the move."""
        lanes = self.lanes
        lanes.leap[slots] += 1
        wanted = np.array([lanes.specs[slot].leapfrog for slot in slots.tolist()])
        last = lanes.leap[slots] >= wanted
        if not last.all():
            going = slots[~last]
            self.moves.drift(going, rows, gradient[~last])
        if last.any():
            self.finish(slots[last], rows, target[last], gradient[last])

    def finish(self, slots: Slots, rows: int, target: Floats, gradient: Floats) -> None:
        """Judge the proposals, and end the step."""
        judged = self.moves.judge(slots, rows, target, gradient)
        self._score(slots, judged.taken)
        self.moved(slots, rows, judged)
        self.stepped(slots)

    def stepped(self, slots: Slots) -> None:
        """Count a step of lanes."""
        lanes = self.lanes
        lanes.leap[slots] = 0
        lanes.step[slots] += 1
        moves = np.array([lanes.specs[slot].moves for slot in slots.tolist()])
        lanes.t[slots] = lanes.step[slots] / moves
        going = slots[lanes.step[slots] < lanes.leave_at[slots]]
        lanes.recorder.record_frames(going)

    def begun(self, slots: Slots, rows: int) -> None:
        """Record the time at which a step begins, and how far apart the points are."""
        lanes = self.lanes
        lanes.times[slots, lanes.step[slots]] = lanes.t[slots]
        lanes.rates[slots, lanes.step[slots]] = lanes.z[slots, :rows].var(1).sum(-1)
        lanes.early_stopping.check(slots)

    def _score(self, slots: Slots, taken: Flags) -> None:
        """Tell the scores which moves of the coldest points were refused, after the warm-up."""
        lanes = self.lanes
        tuned = np.array([lanes.specs[slot].tuned_at for slot in slots.tolist()])
        counted = lanes.step[slots] >= tuned
        refused = (~taken[:, -1]).astype(np.float64)
        lanes.scoring.add(
            slots[counted],
            lanes.t[slots][counted],
            np.ones(int(counted.sum())),
            lambda part, _: lambda name: refused[counted][part],
        )
