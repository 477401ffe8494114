"""Lanes of a flow: what solvers, step control and scores keep of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.card import Condition
from sureflow.core.draw import Purpose, normal
from sureflow.core.early import EarlyRule
from sureflow.core.frame import Frame
from sureflow.core.lane import UNFINISHED, FinishReason, LaneSpec, View
from sureflow.core.lanes import Field, Lanes
from sureflow.core.path import LINEAR, broadcast
from sureflow.core.process import Outcome
from sureflow.core.score import Evidence, Part
from sureflow.core.transfer import to_device
from sureflow.families.flow.grid import Grid, uniform
from sureflow.families.flow.inverted import inversion_error
from sureflow.families.flow.scores.kinds import kind_of
from sureflow.families.flow.spec import MAX_STEPS, FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS, METHODS, STAGES
from sureflow.moments.reduction import row_sums
from sureflow.sampling.early_stopping import EarlyStopping
from sureflow.sampling.recorder import TrajectoryRecorder
from sureflow.sampling.scoring import Scoring

NEVER = np.iinfo(np.int64).max
"""A step that no lane comes to."""

SLIVER = 1e-9
"""A grid point this close to where a lane stands is where it stands."""

REMEMBERED = 1
"""Stage in which a multistep lane keeps the velocity of the step before."""


class FlowLanes(Lanes):
    """Lanes of a flow.

    Times and step sizes are float64: they are cheap, and sums of them must not drift. A frame has
    the noise only where the seed does not say what it is, and a stage of the step before only for
    a multistep lane: any other first stage is the velocity at the state, which gives the same bits
    again.

    Attributes:
        fitted: Grid of lanes that ask for the fitted one.
        scoring: Their scores; ``early_stopping`` abandons lanes by them.
        recorder: Keeps frames and views of the lanes that are to be looked at.
        x: State at the start of the current step, ``[capacity, *shape]``, on the device.
        start: State at ``t = 0``, likewise, as far as jumps have not moved it, see :meth:`jump`:
            from there the velocities along the path add up to where the lane is.
        noise: State at ``t = 0`` proper of lanes that have ``jumped`` since.
        map: ``int Sigma dt`` up to there, per component, likewise; ``path`` is ``x`` and ``map``.
        k: Stage velocities of the current step, ``[STAGES, capacity, *shape]``, on the device. A
            multistep lane keeps the velocity of the step before in ``k[1]``.
        variance: The variances that came with them; ``stages_of_path`` is both.
        staged: These and what else there is of every stage, by the name of the evidence: ``trace``,
            the sums of the variances over components, ``[STAGES, capacity]``; ``divergence``
            estimates where a score asks for them; ``reading``, what the network's probe read, 0
            where there is none.
        stage_t: Times of the stages, likewise.
        given: Conditions by name, ``[capacity, *shape]``, each its null where it was not given.
        h: Size of the current step.
        stage: Stage to evaluate next.
        until: Number of completed steps at which the lane leaves the flow.
        since: The step from which on the solver remembers what was before.
        placed: Step, and ``placed_t`` time, from which on the grid is that of the lane's solver.
        method: Index into :data:`~sureflow.families.flow.tableau.METHODS`.
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
        deadline: When the sample must be there, on the caller's clock; infinity if it may take its
            time.
        now: Reading of that clock.
        tick_s: Seconds that a tick takes at present.
    """

    def __init__(
        self,
        capacity: int,
        shape: tuple[int, ...],
        device: torch.device,
        null_label: int = 0,
        fitted: Grid | None = None,
        early: Mapping[str, EarlyRule] | None = None,
        conditions: Mapping[str, Condition] | None = None,
    ) -> None:
        super().__init__(capacity, device, MAX_STEPS)
        self.shape = shape
        self.fitted = fitted
        self.null_label = null_label
        self._specs: list[LaneSpec | None] = [None] * capacity
        # One array, so that a step of both is one sum.
        self.path = torch.zeros(2, capacity, *shape, device=device)
        self.x, self.map = self.path
        self.add("x", Field(shape), self.x)
        self.add("map", Field(shape), self.map)
        self.start = self.tensor("start", shape, when=self._came_from_elsewhere)
        self.noise = self.tensor("noise", shape, when=lambda slot: bool(self.jumped[slot]))
        self.jumped = self.flag("jumped")
        self._add_stages()
        self._add_control()
        self.label = self.count("label", kept=False)
        self.guidance = np.ones(capacity, np.float32)
        self.conditions = dict(conditions or {})
        self.given = {
            name: self.tensor(f"condition.{name}", condition.shape, kept=False)
            for name, condition in self.conditions.items()
        }
        self.now, self.tick_s = 0.0, 1.0
        self.scoring = Scoring(self, shape, kind_of)
        self.early_stopping = EarlyStopping(self, early or {})
        self.recorder = TrajectoryRecorder(self)

    def _add_stages(self) -> None:
        """Add what there is of every stage; that of the step before is in frames."""
        whole = (STAGES, 2, self.capacity, *self.shape)
        self.stages_of_path = torch.zeros(whole, device=self.device)
        self.k, self.variance = self.stages_of_path.unbind(1)
        self.stage_numbers = np.zeros((4, STAGES, self.capacity))
        trace, self.stage_t, divergence, reading = self.stage_numbers
        self.staged: dict[str, Any] = {
            "velocity": self.k,
            "variance": self.variance,
            "trace": trace,
            "divergence": divergence,
            "reading": reading,
        }
        for name, array in (*self.staged.items(), ("t", self.stage_t)):
            tensor = isinstance(array, Tensor)
            field = Field(self.shape) if tensor else Field((), "f8")
            self.add(f"before.{name}", field, array[REMEMBERED], self._extrapolates)

    def _add_control(self) -> None:
        """Add the numbers by which steps are chosen."""
        self.h, self.tolerance = self.number("h"), self.number("tolerance")
        self.longest, self.proposal = self.number("longest"), self.number("proposal")
        self.last_error, self.last_h = self.number("last_error"), self.number("last_h")
        self.placed, self.placed_t = self.count("placed"), self.number("placed_t")
        self.since, self.max_steps = self.count("since"), self.count("max_steps")
        self.retrying, self.forced = self.flag("retrying"), self.flag("forced")
        self.trusted = self.flag("trusted", kept=False)
        self.stage, self.method = np.zeros((2, self.capacity), np.int64)
        self.steps = np.zeros(self.capacity, np.int64)
        self.until = np.full(self.capacity, NEVER)
        self.deadline = np.full(self.capacity, np.inf)
        self.grid = np.zeros((self.capacity, MAX_STEPS + 1))

    def spec(self, slot: int) -> LaneSpec:
        """What a lane is, at this point of its way."""
        spec = self._specs[slot]
        assert spec is not None
        return spec

    def _came_from_elsewhere(self, slot: int) -> bool:
        spec = self._specs[slot]
        return spec is not None and spec.origin is not None

    def _extrapolates(self, slot: int) -> bool:
        return bool(self.extrapolating(np.array([slot]))[0])

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Put a fresh lane at ``(noise, t = 0)`` into a slot, over whatever was there."""
        self.clear(slot)
        self.begin_at(slot, normal(self.shape, spec.seed, spec.index, Purpose.START))
        self.map[slot] = 0
        self.stage[slot] = self.since[slot] = 0
        for lowered in (self.retrying, self.trusted, self.forced):
            lowered[slot] = False
        self.until[slot] = NEVER
        self.deadline[slot] = np.inf
        self.address(slot, spec)
        self.place(slot, spec)
        self.scoring.admit(slot, spec)
        self.early_stopping.admit(slot, spec)
        self.recorder.admit(slot, spec)

    def begin_at(self, slot: int, state: Tensor) -> None:
        """Put a lane that has not begun yet at another state than its own noise."""
        self.x[slot] = state
        self.start[slot] = self.x[slot]
        self.jumped[slot] = False

    def address(self, slot: int, spec: FlowSpec) -> None:
        """Set what a lane is a sample of."""
        self._specs[slot] = spec
        self.label[slot] = self.null_label if spec.label is None else spec.label
        self.guidance[slot] = spec.scale
        for name, condition in self.conditions.items():
            value = spec.condition.get(name)
            self.given[name][slot] = condition.null if value is None else torch.tensor(value)

    def place(self, slot: int, spec: FlowSpec) -> None:
        """Let a lane go on by the solver of this spec, on what is left of its grid."""
        self.lay(slot, spec, int(self.step[slot]), float(self.t[slot]))
        self.longest[slot] = self.proposal[slot] = 1 / spec.min_steps
        self.max_steps[slot] = spec.max_steps + self.step[slot] + self.rejected[slot]
        self.last_error[slot] = 1
        self.retrying[slot] = False

    def go_on(self, slot: int, spec: FlowSpec, before: FlowSpec, moved: bool) -> None:
        """Let a lane, so far the one ``before``, go on as that of a spec.

        What the solver remembers is of use only where neither state nor velocity has changed.
        """
        if spec.stepping != before.stepping:
            self.place(slot, spec)
            moved = True
        reconditioned = not spec.same_condition(before)
        redirected = reconditioned or spec.guidance != before.guidance
        if moved or redirected:
            self.since[slot] = self.step[slot]
        if redirected:
            self.redirect(slot)
        if reconditioned:
            self.scoring.recondition(slot, spec)
        self.address(slot, spec)
        self.early_stopping.admit(slot, spec)
        self.recorder.go_on(slot, spec)

    def lay(self, slot: int, spec: FlowSpec, step: int, t: float) -> None:
        """Set a lane's solver, whose own grid goes on after this step and time."""
        self.method[slot] = METHODS.index(spec.method)
        self.tolerance[slot] = spec.tolerance or 0
        own = self.times_of(spec)
        left = own[np.searchsorted(own, t + SLIVER) :]
        self.placed[slot], self.placed_t[slot] = step, t
        self.steps[slot] = step + len(left)
        self.grid[slot, step] = t
        self.grid[slot, step + 1 : step + 1 + len(left)] = left
        self.h[slot] = left[0] - t

    def times_of(self, spec: FlowSpec) -> Floats:
        """The fixed grid of a spec, from exactly 0 to exactly 1."""
        times = self.fitted.times if spec.grid == "fitted" and self.fitted else uniform
        return times(spec.steps)

    def put(self, slot: int, spec: LaneSpec, frame: Frame) -> None:
        """Put a lane, just admitted with this spec, where a frame of it was taken."""
        assert isinstance(spec, FlowSpec)
        placed = frame.arrays["placed"], frame.arrays["placed_t"]
        self.lay(slot, spec, int(placed[0]), float(placed[1]))
        super().put(slot, spec, frame)

    def suits(self, spec: LaneSpec, frame: Frame) -> bool:
        """Whether a frame holds all that the scores of a lane have gathered by then."""
        return self.scoring.kept_in(frame.arrays, spec.scores) and self.fits(frame) is None

    def redirect(self, slot: int, moved: Tensor | None = None, slope: Tensor | None = None) -> None:
        """Tell the scores of a lane that it goes elsewhere than its own velocity leads."""
        by = torch.zeros_like(self.x[slot]) if moved is None else moved
        found = {"t": float(self.t[slot]), "moved": by, "slope": slope}
        self.scoring.jump(slot, found.__getitem__)

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
            if not self.jumped[slot]:
                self.noise[slot] = self.start[slot]
                self.jumped[slot] = True
            change = moved
            if renewed:
                change = moved / (1 - float(self.t[slot]))
                self._renew(slot, change)
            self.start[slot] += change
            self.x[slot] = state
        self.redirect(slot, moved, slope)

    def _renew(self, slot: int, change: Tensor) -> None:
        found = {
            "t": float(self.t[slot]),
            "state": self.x[slot],
            "start": self.start[slot],
            "change": change,
        }
        self.scoring.renew(slot, found.__getitem__)

    def keep_steps(self, slots: Slots, weights: Floats) -> None:
        """Hand the steps of these lanes, which are kept, to their scores.

        Their state is still that at the start.

        Args:
            slots: The lanes, ``[n]``.
            weights: Of the stages in each lane's step, ``[n, STAGES]``.
        """
        self.scoring.begin(slots, self.t[slots], self.h[slots], self._beginning)
        for stage in np.flatnonzero(weights.any(0)).tolist():
            weight = weights[:, stage]
            used, part = slots, weight != 0
            if not part.all():
                used, weight = slots[part], weight[part]
            self.scoring.add(used, self.stage_t[stage, used], weight, self._staged(stage))

    def _beginning(self, part: Part, slots: Slots, where: Index) -> Evidence:
        return lambda name: self.x[where] if name == "state" else self.staged[name][0, where]

    def _staged(self, stage: int) -> Callable[[Part, Slots, Index], Evidence]:
        def of(part: Part, slots: Slots, where: Index) -> Evidence:
            def evidence(name: str) -> Any:
                array = self.staged[name]
                return array[stage, where if isinstance(array, Tensor) else slots]

            return evidence

        return of

    def ending(self, slots: Slots, end: Tensor) -> Evidence:
        """What is known of lanes that end at ``end [n, *shape]``, for their scores."""
        where = self.index(slots)
        known: dict[str, Callable[[], Any]] = {
            "end": lambda: end,
            "t": lambda: self.t[slots],
            "elapsed": lambda: self.elapsed(slots),
            "state": lambda: self.x[where],
            "start": lambda: self.start[where],
            "noise": lambda: self._noise(slots, where),
            "map": lambda: self.map[where],
        }
        return lambda name: known[name]()

    def _noise(self, slots: Slots, where: Index) -> Tensor:
        jumped = self.jumped[slots]
        if not jumped.any():
            return self.start[where]
        chosen = broadcast(to_device(jumped, self.device), self.x)
        return torch.where(chosen, self.noise[where], self.start[where])

    def running(self, score: str, slots: Slots) -> Floats:
        """A score of lanes if they ended where the velocity at the start of their step points."""
        where = self.index(slots)
        left = to_device((1 - self.t[slots]).astype(np.float32), self.device)
        end = self.x[where] + broadcast(left, self.x) * self.k[0, where]
        return self.scoring.values(score, slots, self.ending(slots, end))

    def following(self, slot: int) -> float:
        """The time at which the next step begins, as far as it is known; else that of this one."""
        step = self.step[slot]
        if self.tolerance[slot] > 0 or step + 1 >= self.steps[slot]:
            return float(self.t[slot])
        return float(self.grid[slot, step + 1])

    def view(self, slot: int) -> View:
        """What there is to see of a lane whose first velocity of a step is known."""
        step, lane = int(self.step[slot]), slice(slot, slot + 1)
        t = to_device(self.t[[slot]].astype(np.float32), self.device)
        left = 1 - float(self.t[slot])
        return View(
            step=step,
            t=float(self.t[slot]),
            state=self.x[slot].cpu().numpy().copy(),
            prediction=LINEAR.ends(self.x[lane], t, self.k[0, lane])[1][0].cpu().numpy().copy(),
            rate=float(self.rates[slot, step]),
            map=(left**2 * self.variance[0, slot]).cpu().numpy().copy(),
            uncertainty=float(row_sums(self.map[lane].double())[0]),
        )

    def outcome(self, slot: int, spec: Any) -> Outcome:
        """A copy of where the lane is, in host memory, that its slot's next lane cannot change."""
        slots, steps = np.array([slot]), int(self.step[slot])
        ending = self.ending(slots, self.x[slot : slot + 1])
        data, reason = self.x[slot].cpu().numpy().copy(), self._reason(slot)
        tolerance = float(self.tolerance[slot]) or None
        return Outcome(
            data=data,
            map=self.map[slot].cpu().numpy().copy(),
            t=self.times[slot, : max(steps, 1)].copy(),
            rate=self.rates[slot, : max(steps, 1)].copy(),
            finish_reason=reason,
            accepted=steps,
            rejected=int(self.rejected[slot]),
            evaluations=int(self.evaluations[slot]),
            tolerance=tolerance,
            late=tolerance != spec.tolerance,
            scores={
                name: float(self.scoring.values(name, slots, ending)[0]) for name in spec.scores
            },
            abandoned_at=float(self.t[slot]) if self.abandoned[slot] else None,
            start=ending("noise")[0].cpu().numpy().copy(),
            inversion_error=None if reason in UNFINISHED else inversion_error(spec, data),
            frames=self.recorder.frames(slot),
            views=self.recorder.views(slot),
        )

    def _reason(self, slot: int) -> FinishReason:
        if self.abandoned[slot]:
            return "abandoned"
        if self.halted[slot]:
            return "halted"
        return "max_steps" if self.forced[slot] else "converged"

    def elapsed(self, slots: Slots) -> Tensor:
        """Time since the start of each lane, to divide samples by: 1 where there was none yet."""
        t = self.t[slots]
        elapsed = to_device(np.where(t > 0, t, 1).astype(np.float32), self.device)
        return elapsed.reshape(-1, *(1 for _ in self.shape))

    def copy_stage(self, slots: Slots, source: Integers, target: int) -> None:
        """Let stages of these lanes, ``source [n]``, be their stage ``target`` as well."""
        if len(slots):
            where, origin = to_device(slots, self.device), to_device(source, self.device)
            copied = self.stages_of_path[origin, :, where]
            self.stages_of_path[target][:, where] = copied.transpose(0, 1)
            self.stage_numbers[:, target, slots] = self.stage_numbers[:, source, slots]

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
