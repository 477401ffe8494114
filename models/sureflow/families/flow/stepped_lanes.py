"""Lanes that go by the steps of solvers: the numbers in host memory by which steps are made."""

from __future__ import annotations

import numpy as np
import torch

from sureflow.core.arrays import Flags, Floats, Integers, Slots
from sureflow.core.lanes import Lanes
from sureflow.families.flow.grid import Grid, uniform
from sureflow.families.flow.multistep import adams_bashforth
from sureflow.families.flow.spec import MAX_STEPS, FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS, METHODS, STAGES
from sureflow.families.flow.traits import Traits

NEVER = np.iinfo(np.int64).max
"""A step number that no lane reaches."""

SLIVER = 1e-9
"""A grid point this close to a lane's time counts as that time."""


class SteppedLanes(Lanes):
    """Lanes, each of which is at a stage of a step of a solver of its own.

    Times and step sizes are float64, because sums of them must not drift.

    Attributes:
        specs: The present spec of each lane by slot; on a parent's steps, that of the parent.
        h: Size of the current step; ``last_h`` that of the last accepted one.
        last_weights: Weights of the stages in the last step, ``[capacity, STAGES]``.
        stage: Stage to evaluate next.
        leave_at: Number of completed steps at which the lane leaves the solver.
        history_from: Step from which on the solver may use previous steps.
        solver_from: Step, and ``solver_from_t`` time, at which its present solver began.
        method: Index into :data:`~sureflow.families.flow.tableau.METHODS`.
        guidance: Guidance scale; 1 without a condition.
        grid: Times of a fixed grid, ``[capacity, MAX_STEPS + 1]``.
        steps: Number of steps of the fixed grid.
        tolerance: Error allowed per step; 0 on a fixed grid.
        longest: Longest step allowed to an adaptive lane.
        max_steps: Most steps that the lane may try, including those before its present solver.
        proposal: Size that the last error suggests for the next step.
        last_error: Error of the last accepted step in units of the tolerance.
        retrying: Whether the previous try of the step was rejected.
        unchecked: Whether the current step, the last, is accepted without an error estimate.
        forced: Whether the last step allowed had to be longer than the step control wanted.
        deadline: Time at which the sample must be finished, or infinity, on the clock of ``now``.
    """

    def __init__(self, capacity: int, device: torch.device, fitted: Grid | None = None) -> None:
        super().__init__(capacity, device, MAX_STEPS)
        self.fitted = fitted
        self.specs: dict[int, FlowSpec] = {}
        self.h, self.tolerance = self.number("h"), self.number("tolerance")
        self.longest, self.proposal = self.number("longest"), self.number("proposal")
        self.last_error, self.last_h = self.number("last_error"), self.number("last_h")
        self.solver_from = self.count("solver_from")
        self.solver_from_t = self.number("solver_from_t")
        self.history_from, self.max_steps = self.count("history_from"), self.count("max_steps")
        self.retrying, self.forced = self.flag("retrying"), self.flag("forced")
        self.unchecked = self.flag("unchecked", kept=False)
        self.stage, self.method = np.zeros((2, capacity), np.int64)
        self.steps = np.zeros(capacity, np.int64)
        self.leave_at = np.full(capacity, NEVER)
        self.deadline = np.full(capacity, np.inf)
        self.grid = np.zeros((capacity, MAX_STEPS + 1))
        self.guidance = np.ones(capacity, np.float32)
        self.last_weights = np.zeros((capacity, STAGES))
        self._together: Traits | None = None

    def clear(self, slot: int) -> None:
        """Reset a slot for a new lane."""
        super().clear(slot)
        self.stage[slot] = self.history_from[slot] = 0
        self.last_h[slot] = 0
        for lowered in (self.retrying, self.unchecked, self.forced):
            lowered[slot] = False
        self.leave_at[slot] = NEVER
        self.deadline[slot] = np.inf

    def set_spec(self, slot: int, spec: FlowSpec) -> None:
        """Set a lane's spec, and the guidance in it."""
        self._together = None
        self.specs[slot] = spec
        self.guidance[slot] = spec.scale

    def set_solver(self, slot: int, spec: FlowSpec) -> None:
        """Let a lane continue with the solver of a spec, on the rest of that spec's grid."""
        self.set_grid(slot, spec, int(self.step[slot]), float(self.t[slot]))
        self.longest[slot] = self.proposal[slot] = 1 / spec.min_steps
        self.max_steps[slot] = spec.max_steps + self.step[slot] + self.rejected[slot]
        self.last_error[slot] = 1
        self.retrying[slot] = False

    def set_grid(self, slot: int, spec: FlowSpec, step: int, t: float) -> None:
        """Set a lane's method, tolerance and grid, from this step and time on."""
        self._together = None
        self.method[slot] = METHODS.index(spec.method)
        self.tolerance[slot] = spec.tolerance or 0
        own = self.times_of(spec)
        left = own[np.searchsorted(own, t + SLIVER) :]
        self.solver_from[slot], self.solver_from_t[slot] = step, t
        self.steps[slot] = step + len(left)
        self.grid[slot, step] = t
        self.grid[slot, step + 1 : step + 1 + len(left)] = left
        self.h[slot] = left[0] - t

    def times_of(self, spec: FlowSpec) -> Floats:
        """The fixed grid of a spec, from exactly 0 to exactly 1."""
        times = self.fitted.times if spec.grid == "fitted" and self.fitted else uniform
        return times(spec.steps)

    def next_step_t(self, slot: int) -> float:
        """The time at which the next step begins if it is known, else that of the current step."""
        step = self.step[slot]
        if self.tolerance[slot] > 0 or step + 1 >= self.steps[slot]:
            return float(self.t[slot])
        return float(self.grid[slot, step + 1])

    def together(self, slots: Slots) -> Traits:
        """The traits of lanes that run together, which are kept until one of them is another."""
        self._together = self.traits(slots)
        return self._together

    def traits(self, slots: Slots) -> Traits:
        """The traits of some lanes."""
        known = self._together
        return known if known is not None and known.slots is slots else Traits(self, slots)

    def adaptive(self, slots: Slots) -> Flags:
        """Which of these lanes have a tolerance."""
        return self.traits(slots).adaptive

    def needs_error(self, slots: Slots) -> Flags:
        """Which of these lanes need an estimate of their current step's error."""
        return self.adaptive(slots) & ~self.unchecked[slots]

    def in_multistep(self, slots: Slots) -> Flags:
        """Which of these lanes make a multistep step, which needs one stage and a previous step."""
        return self.traits(slots).multistep & self.has_history(slots)

    def has_history(self, slots: Slots) -> Flags:
        """Which of these lanes have made a step that their solver may use."""
        history: Flags = self.step[slots] > self.history_from[slots]
        return history

    def has_longer_history(self, slots: Slots) -> Flags:
        """Which of these lanes have made two steps that their solver may use."""
        history: Flags = self.step[slots] > self.history_from[slots] + 1
        return history

    def stages(self, slots: Slots) -> Integers:
        """Number of stages of each lane's current step."""
        traits = self.traits(slots)
        stages = traits.plain_stages
        if traits.some_adaptive:
            whole = COEFFICIENTS.stages[traits.method]
            stages = np.where(self.needs_error(slots), whole, stages)
        if traits.some_multistep:
            stages = np.where(self.in_multistep(slots), 1, stages)
        return stages

    def ticks_left(self, slots: Slots) -> Floats:
        """Evaluations until each lane reaches ``t = 1``, if all steps are like the present one."""
        adaptive = self.adaptive(slots)
        h = np.where(adaptive, np.maximum(self.h[slots], self.proposal[slots]), 1)
        steps: Floats = np.where(
            adaptive, (1 - self.t[slots]) / h, self.steps[slots] - self.step[slots]
        )
        stages = self.stages(slots)
        further = np.where(COEFFICIENTS.multistep[self.method[slots]], 1.0, stages)
        left: Floats = np.maximum((steps - 1) * further + stages - self.stage[slots], 1.0)
        return left

    def weights(self, slots: Slots) -> Floats:
        """Weights of the stages in each lane's step, ``[n, STAGES]``."""
        traits = self.traits(slots)
        weights = traits.b * self.h[traits.part, None]
        if traits.some_multistep:
            two_step = self.in_multistep(slots)
            lanes = slots[two_step]
            weights[two_step] = 0
            weights[two_step, :2] = adams_bashforth(self.h[lanes], self.last_h[lanes])
        return weights

    def error_scale(self, slots: Slots) -> Floats:
        """Factor of the error estimates: step size, and ratio of steps, per tolerance, ``[n]``."""
        h = self.h[slots]
        two_step = self.in_multistep(slots)
        ratio = np.divide(h, self.last_h[slots], out=np.ones_like(h), where=two_step)
        return h * ratio / self.tolerance[slots]
