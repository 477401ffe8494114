"""Inversion: from a sample back to noise, by the flow on mirrored time."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import torch

from sureflow.core.arrays import Flags, Slots
from sureflow.core.origin import Inverted
from sureflow.core.process import Query, Reply
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.process import FlowProcess
from sureflow.families.flow.solver import Solver
from sureflow.families.flow.spec import FlowSpec


class Inversion(FlowProcess):
    """Integrates ``dx/dtau = -v(x, 1 - tau)`` from the sample, with the lane's own solver.

    It uses a second set of lanes, without scores and recording. A fixed grid is mirrored.

    Args:
        lanes: The lanes in which a lane continues at ``t = 0`` once its noise is found.
    """

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start a lane from the sample in its spec."""
        assert isinstance(spec.origin, Inverted)
        self.lanes.admit(slot, spec)
        back = replace(spec, scores=(), early=None, keep=(), watch=(), halt=None)
        solver, lanes = self._solver, self._solver.lanes
        solver.admit(slot, back)
        lanes.start_from(slot, torch.tensor(spec.origin.data))
        lanes.grid[slot, : spec.steps + 1] = 1 - self.lanes.times_of(spec)[::-1]
        lanes.h[slot] = lanes.grid[slot, 1]

    def ask(self, slots: Slots) -> list[Query]:
        """The solver's queries, at mirrored times."""
        return [
            replace(query, inputs={**query.inputs, "t": 1 - query.inputs["t"]})
            for query in self._solver.ask(slots)
        ]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Advance the solver with the opposite velocity."""
        solver, reply = self._solver, replies[0]
        back = {"velocity": -reply["velocity"], "variance": reply["variance"]}
        done, diverged = solver.tell(slots, [back])
        self.lanes.evaluations[slots] = solver.lanes.evaluations[slots]
        for slot in slots[done & ~diverged].tolist():
            self.lanes.start_from(slot, solver.lanes.x[slot])
        return done, diverged

    @cached_property
    def _solver(self) -> Solver:
        """The solver, made when first used, since it has memory for as many lanes again."""
        own = self.lanes
        shape, conditions = own.shape, own.conditions
        return Solver(
            FlowLanes(own.capacity, shape, own.device, own.null_label, conditions=conditions)
        )
