"""From a sample back to noise: the flow on mirrored time."""

from __future__ import annotations

from dataclasses import replace

import torch

from sureflow.core.arrays import Flags, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.origin import Inverted
from sureflow.core.process import Outcome, Query, Reply
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.solver import Solver
from sureflow.families.flow.spec import FlowSpec


class Inversion:
    """``dx/dtau = -v(x, 1 - tau)`` from the sample at ``tau = 0``, by the lane's own solver.

    It is the same flow, with lanes of its own that gather nothing. A fixed grid is that of the
    way back, mirrored.

    Args:
        lanes: Where a lane goes on, at ``t = 0``, once its noise is found.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        self.lanes = lanes
        self._mirrored: Solver | None = None

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start from the sample that the spec gives."""
        assert isinstance(spec.origin, Inverted)
        self.lanes.admit(slot, spec)
        back = replace(spec, scores=(), early=None, keep=(), watch=(), halt=None)
        solver, lanes = self._solver, self._solver.lanes
        solver.admit(slot, back)
        lanes.begin_at(slot, torch.tensor(spec.origin.data))
        lanes.grid[slot, : spec.steps + 1] = 1 - self.lanes.times_of(spec)[::-1]
        lanes.h[slot] = lanes.grid[slot, 1]

    def ask(self, slots: Slots) -> list[Query]:
        """Those of the flow, at the mirrored times."""
        return [
            replace(query, inputs={**query.inputs, "t": 1 - query.inputs["t"]})
            for query in self._solver.ask(slots)
        ]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """The flow's own, against the velocity."""
        solver, reply = self._solver, replies[0]
        back = {"velocity": -reply["velocity"], "variance": reply["variance"]}
        done, diverged = solver.tell(slots, [back])
        self.lanes.evaluations[slots] = solver.lanes.evaluations[slots]
        for slot in slots[done & ~diverged].tolist():
            self.lanes.begin_at(slot, solver.lanes.x[slot])
        return done, diverged

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """A lane that has not begun."""
        return self.lanes.outcome(slot, spec)

    def release(self, slot: int) -> None:
        """Nothing is kept here."""

    @property
    def _solver(self) -> Solver:
        """Made when first asked for: it has memory for as many lanes again."""
        if self._mirrored is None:
            own = self.lanes
            self._mirrored = Solver(
                FlowLanes(
                    own.capacity,
                    own.shape,
                    own.device,
                    own.null_label,
                    conditions=own.conditions,
                )
            )
        return self._mirrored
