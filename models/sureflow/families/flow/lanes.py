"""The state of all lanes in flight: a struct of arrays, one slot per lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from sureflow.confidence.early import Early
from sureflow.core.arrays import Flags, Floats, Integers, Slots
from sureflow.core.draw import Purpose, normal
from sureflow.core.lane import FinishReason
from sureflow.core.process import Outcome
from sureflow.core.transfer import to_device
from sureflow.families.flow.grid import Grid, uniform
from sureflow.families.flow.spec import MAX_STEPS, FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS, METHODS, STAGES
from sureflow.sampling.early_stopping import Foresight
from sureflow.sampling.lineage import condition, sampler
from sureflow.sampling.recorder import Keeper
from sureflow.sampling.scoring import Followed

Index = slice | Tensor
"""The same as an index into arrays on the device."""

NEVER = np.iinfo(np.int64).max
"""A step that no lane comes to."""

SLIVER = 1e-9
"""A grid point this close to where a lane stands is where it stands."""


class Lanes:
    """Fixed-capacity arrays; a lane is one index into all of them.

    What has the shape of a sample lives on the device. The few numbers per lane that decide what
    happens next live in host memory, so that no decision waits for the device. Times and step
    sizes are float64: they are cheap, and sums of them must not drift.

    Attributes:
        fitted: Grid of lanes that ask for the fitted one.
        followed: Their scores; ``foresight`` abandons lanes by them.
        keeper: Keeps frames and views of the lanes that are to be looked at.
        x: State at the start of the current step, ``[capacity, *shape]``, on the device.
        start: State at ``t = 0``, likewise, as far as jumps have not moved it, see :meth:`jump`:
            from there the velocities along the path add up to where the lane is.
        noise: State at ``t = 0`` proper of lanes that have jumped since, by slot.
        map: ``int Sigma dt`` up to there, per component, likewise.
        k: Stage velocities of the current step, ``[STAGES, capacity, *shape]``, on the device. A
            multistep lane keeps the velocity of the step before in ``k[1]``.
        variance: The variances that came with them.
        trace: Their sums over components, ``[STAGES, capacity]``, and ``stage_t`` the times.
        divergence: Estimates of the velocities' divergence, likewise, where a score asks for them.
        reading: What the network's probe read, likewise; 0 where there is none.
        seed: Of the request, ``[capacity]``; with ``number``, the sample's index, what every draw
            for the lane is keyed by.
        t: Time at the start of the current step.
        h: Size of the current step.
        stage: Stage to evaluate next.
        step: Steps completed.
        until: Number of completed steps at which the lane leaves the flow.
        since: The step from which on the solver remembers what was before.
        placed: Step, and ``placed_t`` time, from which on the grid is that of the lane's solver.
        method: Index into :data:`~sureflow.core.lane.METHODS`.
        label: Class, or the null label.
        guidance: Guidance scale; 1 where there is no condition.
        grid: Times of a fixed grid, ``[capacity, MAX_STEPS + 1]``.
        steps: Number of its steps.
        tolerance: Error allowed per step; 0 on a fixed grid.
        longest: Longest step allowed to an adaptive lane.
        max_steps: Most steps that it may try, those before its solver took over included.
        proposal: Size that its last error suggests for the next step.
        last_error: Error of the last accepted step in units of the tolerance.
        last_h: Size of the last accepted step.
        retrying: The step before was rejected.
        trusted: The current step, the last, is kept without an estimate of its error.
        forced: The lane had to take a longer step than it wanted, its last one.
        abandoned: The lane was foreseen to end in a sample of no use.
        halted: It has come to the step that it was to come to.
        rejected: Steps tried and discarded.
        times: Start time of each step, ``[capacity, MAX_STEPS]``.
        rates: ``tr Sigma`` there.
        evaluations: Network rows spent.
        deadline: When the sample must be there, on the caller's clock; infinity if it may take its
            time.
        now: Reading of that clock.
        tick_s: Seconds that a tick takes at present.
    """

    def __init__(
        self,
        capacity: int,
        shape: Sequence[int],
        device: torch.device,
        fitted: Grid | None = None,
        early: Mapping[str, Early] | None = None,
    ) -> None:
        self.capacity = capacity
        self.fitted = fitted
        self.shape = tuple(shape)
        self.device = device
        self.x = torch.zeros(capacity, *shape, device=device)
        self.start = torch.zeros(capacity, *shape, device=device)
        self.map = torch.zeros(capacity, *shape, device=device)
        self.k = torch.zeros(STAGES, capacity, *shape, device=device)
        self.variance = torch.zeros(STAGES, capacity, *shape, device=device)
        self.trace, self.stage_t, self.divergence, self.reading = np.zeros((4, STAGES, capacity))
        self.seed, self.number = np.zeros((2, capacity), np.int64)
        self.t, self.h, self.tolerance, self.longest = np.zeros((4, capacity))
        self.proposal, self.last_error, self.last_h = np.zeros((3, capacity))
        self.stage, self.step, self.method, self.label = np.zeros((4, capacity), np.int64)
        self.steps, self.max_steps = np.zeros((2, capacity), np.int64)
        self.rejected, self.evaluations = np.zeros((2, capacity), np.int64)
        self.retrying, self.trusted, self.forced = np.zeros((3, capacity), np.bool_)
        self.abandoned, self.halted = np.zeros((2, capacity), np.bool_)
        self.until = np.full(capacity, NEVER)
        self.since, self.placed = np.zeros((2, capacity), np.int64)
        self.placed_t = np.zeros(capacity)
        self.noise: dict[int, Tensor] = {}
        self.deadline = np.full(capacity, np.inf)
        self.now, self.tick_s = 0.0, 1.0
        self.guidance = np.ones(capacity, np.float32)
        self.grid = np.zeros((capacity, MAX_STEPS + 1))
        self.times, self.rates = np.zeros((2, capacity, MAX_STEPS), np.float32)
        self.followed = Followed(self)
        self.foresight = Foresight(self, early or {})
        self.keeper = Keeper(self)

    def admit(self, slot: int, spec: FlowSpec, null_label: int) -> None:
        """Put a fresh lane at ``(noise, t = 0)`` into a slot, over whatever was there."""
        self.begin_at(slot, normal(self.shape, spec.seed, spec.index, Purpose.START))
        self.map[slot] = 0
        for zeroed in (self.t, self.stage, self.step, self.rejected, self.evaluations, self.since):
            zeroed[slot] = 0
        for lowered in (self.retrying, self.trusted, self.forced, self.abandoned, self.halted):
            lowered[slot] = False
        self.times[slot, 0] = self.rates[slot, 0] = 0
        self.until[slot] = NEVER
        self.deadline[slot] = np.inf
        self.address(slot, spec, null_label)
        self.place(slot, spec)
        self.followed.admit(slot, spec.scores)
        self.foresight.admit(slot, spec)
        self.keeper.admit(slot, spec)

    def begin_at(self, slot: int, state: Tensor) -> None:
        """Put a lane that has not begun yet at another state than its own noise."""
        self.x[slot] = state
        self.start[slot] = self.x[slot]
        self.noise.pop(slot, None)

    def address(self, slot: int, spec: FlowSpec, null_label: int) -> None:
        """Set what a lane is a sample of, and what its draws are keyed by."""
        self.seed[slot], self.number[slot] = spec.seed, spec.index
        self.label[slot] = null_label if spec.label is None else spec.label
        self.guidance[slot] = 1 if spec.label is None else spec.guidance

    def place(self, slot: int, spec: FlowSpec) -> None:
        """Let a lane go on by the solver of this spec, on what is left of its grid."""
        self.lay(slot, spec, int(self.step[slot]), float(self.t[slot]))
        self.longest[slot] = self.proposal[slot] = 1 / spec.min_steps
        self.max_steps[slot] = spec.max_steps + self.step[slot] + self.rejected[slot]
        self.last_error[slot] = 1
        self.retrying[slot] = False

    def go_on(
        self, slot: int, spec: FlowSpec, before: FlowSpec, null_label: int, moved: bool
    ) -> None:
        """Let a lane, so far the one ``before``, go on as that of a spec.

        What the solver remembers is of use only where neither state nor velocity has changed.
        """
        if sampler(spec) != sampler(before):
            self.place(slot, spec)
            moved = True
        redirected = condition(spec) != condition(before)
        if moved or redirected:
            self.since[slot] = self.step[slot]
        if redirected:
            self.followed.jump(slot)
        if spec.label != before.label:
            self.followed.relabel(slot)
        self.address(slot, spec, null_label)
        self.foresight.admit(slot, spec)
        self.keeper.go_on(slot, spec)

    def lay(self, slot: int, spec: FlowSpec, step: int, t: float) -> None:
        """Set a lane's solver, whose own grid goes on after this step and time."""
        self.method[slot] = METHODS.index(spec.method)
        self.tolerance[slot] = spec.tolerance or 0
        times = self.fitted.times if spec.grid == "fitted" and self.fitted else uniform
        own = times(spec.steps)
        left = own[np.searchsorted(own, t + SLIVER) :]
        self.placed[slot], self.placed_t[slot] = step, t
        self.steps[slot] = step + len(left)
        self.grid[slot, step] = t
        self.grid[slot, step + 1 : step + 1 + len(left)] = left
        self.h[slot] = left[0] - t

    def jump(
        self, slot: int, state: Tensor, slope: Tensor | None = None, *, renewed: bool = False
    ) -> None:
        """Put a lane at another state ``[*shape]`` at its time, by no velocity.

        The jump is taken out of the path: it is added to where the path began. If it is another
        noise that makes the difference, the whole path is moved to that noise instead, and the
        velocities so far are counted as if they had been with it: they are judged by where they
        pointed, and not by the noise that they came from.

        Args:
            slot: The lane.
            state: Where it goes.
            slope: ``grad log p_t`` where it was, if that is known.
            renewed: The noise in the state has been drawn anew; what it was to become stays.
        """
        moved = state - self.x[slot]
        if self.t[slot] == 0:
            self.begin_at(slot, state)
        else:
            self.noise.setdefault(slot, self.start[slot].clone())
            change = moved
            if renewed:
                change = moved / (1 - float(self.t[slot]))
                self.followed.renew(slot, change)
            self.start[slot] += change
            self.x[slot] = state
        self.followed.jump(slot, moved, slope)

    def progress(self, slot: int) -> tuple[int, float]:
        """Steps completed and time reached."""
        return int(self.step[slot]), float(self.t[slot])

    def outcome(self, slot: int, spec: FlowSpec) -> Outcome:
        """A copy of where the lane is, in host memory, that its slot's next lane cannot change."""
        slots = np.array([slot])
        end = self.x[slot : slot + 1]
        steps = int(self.step[slot])
        return Outcome(
            data=self.x[slot].cpu().numpy().copy(),
            map=self.map[slot].cpu().numpy().copy(),
            t=self.times[slot, : max(steps, 1)].copy(),
            rate=self.rates[slot, : max(steps, 1)].copy(),
            finish_reason=self._reason(slot),
            accepted=steps,
            rejected=int(self.rejected[slot]),
            evaluations=int(self.evaluations[slot]),
            tolerance=float(self.tolerance[slot]) or None,
            scores={name: float(self.followed.values(name, slots, end)[0]) for name in spec.scores},
            abandoned_at=float(self.t[slot]) if self.abandoned[slot] else None,
            start=self.noise.get(slot, self.start[slot]).cpu().numpy().copy(),
            frames=self.keeper.frames(slot),
            views=self.keeper.views(slot),
        )

    def _reason(self, slot: int) -> FinishReason:
        if self.abandoned[slot]:
            return "abandoned"
        if self.halted[slot]:
            return "halted"
        return "max_steps" if self.forced[slot] else "converged"

    def index(self, slots: Slots) -> Index:
        """Neighbouring slots as a slice, which needs neither a copy nor an index on the device."""
        if len(slots) and slots[-1] - slots[0] + 1 == len(slots):
            return slice(int(slots[0]), int(slots[-1]) + 1)
        return to_device(slots, self.device)

    def elapsed(self, slots: Slots) -> Tensor:
        """Time since the start of each lane, to divide samples by: 1 where there was none yet."""
        t = self.t[slots]
        elapsed = to_device(np.where(t > 0, t, 1).astype(np.float32), self.device)
        return elapsed.reshape(-1, *(1 for _ in self.shape))

    @property
    def stage_numbers(self) -> tuple[Floats, ...]:
        """What there is in host memory of every stage, each ``[STAGES, capacity]``."""
        return self.trace, self.stage_t, self.divergence, self.reading

    def adaptive(self, slots: Slots) -> Flags:
        """Which of these lanes keep to a tolerance."""
        return self.tolerance[slots] > 0

    def judged(self, slots: Slots) -> Flags:
        """Which of these lanes need an estimate of their current step's error."""
        return self.adaptive(slots) & ~self.trusted[slots]

    def extrapolating(self, slots: Slots) -> Flags:
        """Which of these lanes are in a multistep step proper, for which one stage is enough."""
        return COEFFICIENTS.multistep[self.method[slots]] & self.remembering(slots)

    def remembering(self, slots: Slots) -> Flags:
        """Which of these lanes have made a step that their solver may build on."""
        remembering: Flags = self.step[slots] > self.since[slots]
        return remembering

    def stages(self, slots: Slots) -> Integers:
        """Number of stages of each lane's current step."""
        method = self.method[slots]
        whole, plain = COEFFICIENTS.stages[method], COEFFICIENTS.plain_stages[method]
        stages = np.where(self.judged(slots), whole, plain)
        stages[self.extrapolating(slots)] = 1
        return stages

    def ticks_left(self, slots: Slots) -> Floats:
        """Evaluations until each lane is at ``t = 1``, if the rest is like the present step."""
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
        """Weights with which the stages end each lane's step, ``[n, STAGES]``.

        Two-step Adams-Bashforth on unequal steps: with ``w = h / h_before`` the velocity at the
        start of the step has weight ``1 + w / 2`` and that of the step before ``-w / 2``.
        """
        weights = COEFFICIENTS.b[self.method[slots]]
        two_step = self.extrapolating(slots)
        if two_step.any():
            lanes = slots[two_step]
            half = self.h[lanes] / self.last_h[lanes] / 2
            weights[two_step] = 0
            weights[two_step, 0], weights[two_step, 1] = 1 + half, -half
        return weights * self.h[slots, None]

    def error_weights(self, slots: Slots) -> Floats:
        """Weights of the stages in each lane's error estimate, ``[n, STAGES]``.

        In a multistep step the estimate is the difference to Euler's result. Multiplied by
        :meth:`error_scale`, which is known only once the step has its size.
        """
        weights = COEFFICIENTS.error[self.method[slots]]
        two_step = self.extrapolating(slots)
        weights[two_step] = 0
        weights[two_step, 0], weights[two_step, 1] = 0.5, -0.5
        return weights

    def error_scale(self, slots: Slots) -> Floats:
        """What the step sizes contribute to the error estimates, in units of the tolerance."""
        h = self.h[slots]
        two_step = self.extrapolating(slots)
        ratio = np.divide(h, self.last_h[slots], out=np.ones_like(h), where=two_step)
        return h * ratio / self.tolerance[slots]
