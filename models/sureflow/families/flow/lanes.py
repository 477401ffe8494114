"""The lanes of a flow: state, stages, step control, scores and recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.card import Condition
from sureflow.core.draw import Purpose, normal
from sureflow.core.engine import EarlyRule
from sureflow.core.fields import Field
from sureflow.core.frame import Frame
from sureflow.core.lane import LATENT, UNFINISHED, Array, FinishReason, Inverted, LaneSpec, View
from sureflow.core.lanes import Lanes, Suspended
from sureflow.core.path import LINEAR, Time, broadcast, factors
from sureflow.core.process import Bucket, Outcome
from sureflow.core.score import Evidence, Part, Score
from sureflow.core.transfer import to_device
from sureflow.families.flow.grid import Grid, uniform
from sureflow.families.flow.lane_conditions import LaneConditions
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import MAX_STEPS, FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS, METHODS, STAGES
from sureflow.families.flow.traits import Traits
from sureflow.moments.reduction import row_sums
from sureflow.sampling.early_stopping import EarlyStopping
from sureflow.sampling.recorder import TrajectoryRecorder
from sureflow.sampling.scoring import Scoring

NEVER = np.iinfo(np.int64).max
"""A step number that no lane reaches."""

READ = ("reading", "foreseen", "ignorance")
"""Names of what is read of activations: by the probe, the foresight and the Laplace approximation
that a network has."""

SLIVER = 1e-9
"""A grid point this close to a lane's time counts as that time."""

PREVIOUS = 1
"""Stage in which a multistep lane keeps the velocity of the previous step."""


class FlowLanes(Lanes):
    """Lanes of a flow.

    Times and step sizes are float64, because sums of them must not drift. A frame includes the
    noise only where the seed does not determine it. It includes a stage of the previous step only
    for a multistep lane; any other lane evaluates its first stage again, with the same bits.

    Attributes:
        shape: Shape of the states.
        bucket: The bucket of all of their rows.
        has_variance: Whether the network gives a variance, and not only its floor.
        specs: The present spec of each lane by slot; on a parent's steps, that of the parent.
        x: State at the start of the current step, ``[capacity, *shape]``, on the device.
        start: State from which the velocities along the path add up to ``x``: the state at
            ``t = 0``, moved by the jumps of the lane; see :meth:`jump`.
        noise: Actual state at ``t = 0`` of lanes that have ``jumped``.
        map: ``int Sigma dt`` per component from 0 to the current step, ``[capacity, *shape]``.
            ``path`` holds both ``x`` and ``map``.
        k: Velocities at the stages of the current step, ``[STAGES, capacity, *shape]``, on the
            device, and ``variance`` there; ``stages_of_path`` holds both. A multistep lane keeps
            the stage of the previous step in place 1.
        stage_evidence: Evidence of every stage by name: these two; ``trace``, the variances summed
            over components, ``[STAGES, capacity]``; ``divergence``, estimated where a score needs
            it; ``reading`` and ``ignorance``, 0 where nothing reads them.
        read: What is read of the activations at every stage, by name: :data:`READ`.
        foresees: Name of the score that the network's foresight is about, if it has one.
        stage_t: Times of the stages, ``[STAGES, capacity]``.
        given: What the lanes are conditioned on.
        decoded: Shape of a sample, if it is decoded from the state in a phase of its own.
        returning: Whether the lane goes, unchanged, to the sample from which it was inverted.
        way_back: Values that scores came to on the way back from that sample, by name; of it, not
            of the sample that is made of its noise.
        h: Size of the current step; ``last_h`` that of the last accepted one.
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

    def __init__(
        self,
        capacity: int,
        shape: tuple[int, ...],
        device: torch.device,
        null_label: int = 0,
        fitted: Grid | None = None,
        early: Mapping[str, EarlyRule] | None = None,
        conditions: Mapping[str, Condition] | None = None,
        decoded: tuple[int, ...] | None = None,
        has_variance: bool = True,
        bucket: Bucket = (),
        foresees: str | None = None,
    ) -> None:
        super().__init__(capacity, device, MAX_STEPS)
        self.foresees = foresees
        self.shape = shape
        self.bucket = bucket
        self.decoded = decoded
        self.has_variance = has_variance
        self.fitted = fitted
        self.specs: dict[int, FlowSpec] = {}
        # One array, so that a step of both is one sum.
        self.path = torch.zeros(2, capacity, *shape, device=device)
        self.x, self.map = self.path
        self.add("x", Field(shape), self.x)
        self.add("map", Field(shape), self.map)
        self.start = self.tensor(
            "start", *shape, kept=lambda slot: self.specs[slot].origin is not None
        )
        self.noise = self.tensor("noise", *shape, kept=lambda slot: bool(self.jumped[slot]))
        self.jumped = self.flag("jumped")
        self.returning = self.flag("returning", kept=self._is_returning)
        self.way_back = {
            name: self.number(f"way_back.{name}", kept=partial(self._has_way_back, name))
            for name, meaning in SCORES.items()
            if meaning.way_back
        }
        self._add_stages()
        self._add_control()
        self.given = LaneConditions(self, conditions or {}, null_label)
        self.guidance = np.ones(capacity, np.float32)
        self._together: Traits | None = None
        self.scoring = Scoring(self, shape, _score_class)
        self.early_stopping = EarlyStopping(self, early or {})
        self.recorder = TrajectoryRecorder(self)

    def _add_stages(self) -> None:
        """Add the evidence of every stage; frames include the stage of the previous step."""
        whole = (STAGES, 2, self.capacity, *self.shape)
        self.stages_of_path = torch.zeros(whole, device=self.device)
        self.k, self.variance = self.stages_of_path.unbind(1)
        self.stage_numbers = np.zeros((6, STAGES, self.capacity))
        trace, self.stage_t, divergence, *read = self.stage_numbers
        self.read = dict(zip(READ, read, strict=True))
        self.stage_evidence: dict[str, Any] = {
            "velocity": self.k,
            "variance": self.variance,
            "trace": trace,
            "divergence": divergence,
            "reading": self.read["reading"],
            "ignorance": self.read["ignorance"],
        }
        for name, array in (*self.stage_evidence.items(), ("t", self.stage_t)):
            shape, dtype = (self.shape, "f4") if isinstance(array, Tensor) else ((), "f8")
            field = Field(shape, dtype, kept=self._is_multistep)
            self.add(f"previous.{name}", field, array[PREVIOUS])

    def _is_returning(self, slot: int) -> bool:
        return bool(self.returning[slot])

    def _has_way_back(self, score: str, slot: int) -> bool:
        return self._is_returning(slot) and score in self.specs[slot].scores

    def _is_multistep(self, slot: int) -> bool:
        return bool(self.in_multistep(np.array([slot]))[0])

    def _add_control(self) -> None:
        """Add the numbers by which steps are chosen."""
        self.h, self.tolerance = self.number("h"), self.number("tolerance")
        self.longest, self.proposal = self.number("longest"), self.number("proposal")
        self.last_error, self.last_h = self.number("last_error"), self.number("last_h")
        self.solver_from = self.count("solver_from")
        self.solver_from_t = self.number("solver_from_t")
        self.history_from, self.max_steps = self.count("history_from"), self.count("max_steps")
        self.retrying, self.forced = self.flag("retrying"), self.flag("forced")
        self.unchecked = self.flag("unchecked", kept=False)
        self.stage, self.method = np.zeros((2, self.capacity), np.int64)
        self.steps = np.zeros(self.capacity, np.int64)
        self.leave_at = np.full(self.capacity, NEVER)
        self.deadline = np.full(self.capacity, np.inf)
        self.grid = np.zeros((self.capacity, MAX_STEPS + 1))

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start a new lane in a slot, from its noise at ``t = 0``."""
        self.clear(slot)
        self.start_from(slot, normal(self.shape, spec.seed, spec.index, Purpose.START))
        self.map[slot] = 0
        self.stage[slot] = self.history_from[slot] = 0
        self.last_h[slot] = 0
        for lowered in (self.retrying, self.unchecked, self.forced):
            lowered[slot] = False
        self.leave_at[slot] = NEVER
        self.deadline[slot] = np.inf
        self.set_condition(slot, spec)
        self.set_solver(slot, spec)
        self.scoring.admit(slot, spec)
        self.early_stopping.admit(slot, spec)
        self.recorder.admit(slot, spec)

    def start_from(self, slot: int, state: Tensor) -> None:
        """Set the state at ``t = 0`` of a lane that has not begun."""
        self.x[slot] = state
        self.start[slot] = self.x[slot]
        self.jumped[slot] = self.returning[slot] = False

    def start_returning(self, slot: int, noise: Tensor, scores: Mapping[str, float]) -> None:
        """Let a lane go to its given sample, from whose noise and with the scores found there."""
        self.start_from(slot, noise)
        self.returning[slot] = True
        for name, value in scores.items():
            self.way_back[name][slot] = value

    def begun(self, noise: Tensor, data: Tensor) -> Tensor:
        """State at ``t = 0`` of the path from noise to data: the noise itself."""
        return noise

    def noise_in(self, start: Tensor, data: Tensor) -> Tensor:
        """The noise of a path that begins with this state; the inverse of :meth:`begun`."""
        return start

    def slope(self, x: Tensor, t: Time, velocity: Tensor) -> Tensor:
        """``grad log p_t`` at states of lanes, from the velocities there."""
        return LINEAR.score(x, t, velocity)

    def signal(self, t: Floats) -> Floats:
        """Factor of the data over the variance of the noise at ``t = 0``, and its rise: ``[n, 2]``.

        For times ``[n]``; the rise is that of the factor alone.
        """
        return np.stack([t, np.ones_like(t)], 1)

    def set_condition(self, slot: int, spec: FlowSpec) -> None:
        """Set a lane's spec, and the condition and guidance in it."""
        self._together = None
        self.specs[slot] = spec
        self.guidance[slot] = spec.scale
        self.given.set(slot, spec)

    def set_solver(self, slot: int, spec: FlowSpec) -> None:
        """Let a lane continue with the solver of a spec, on the rest of that spec's grid."""
        self.set_grid(slot, spec, int(self.step[slot]), float(self.t[slot]))
        self.longest[slot] = self.proposal[slot] = 1 / spec.min_steps
        self.max_steps[slot] = spec.max_steps + self.step[slot] + self.rejected[slot]
        self.last_error[slot] = 1
        self.retrying[slot] = False

    def continue_as(self, slot: int, spec: FlowSpec, before: FlowSpec, moved: bool) -> None:
        """Let a lane, which had the spec ``before``, continue with another spec.

        The solver may use previous steps only if neither state nor velocity has changed.
        """
        if spec.stepping != before.stepping:
            self.set_solver(slot, spec)
            moved = True
        reconditioned = not spec.same_condition(before)
        redirected = reconditioned or spec.guidance != before.guidance
        if moved or redirected:
            self.history_from[slot] = self.step[slot]
            self.returning[slot] = False
        if redirected:
            self.redirect(slot)
        if reconditioned:
            for score in self.scoring.of(slot):
                score.recondition(slot, spec)
        self.set_condition(slot, spec)
        self.early_stopping.admit(slot, spec)
        self.recorder.continue_as(slot, spec)

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

    def restore(self, slot: int, spec: LaneSpec, frame: Frame) -> None:
        """Restore a lane, just admitted with this spec, from a frame."""
        assert isinstance(spec, FlowSpec)
        step, t = frame.arrays["solver_from"], frame.arrays["solver_from_t"]
        self.set_grid(slot, spec, int(step), float(t))
        super().restore(slot, spec, frame)
        self._together = None

    def suspend(self, slot: int) -> Suspended:
        """What a lane that is between two steps is resumed from, its frames and views included."""
        return replace(super().suspend(slot), recorded=self.recorder.take(slot))

    def resume(self, slot: int, spec: LaneSpec, suspended: Suspended) -> None:
        """Resume a lane, just admitted with this spec, from where it was suspended."""
        self.restore(slot, spec, suspended.frame)
        self.evaluations[slot] = suspended.evaluations
        self.recorder.put(slot, suspended.recorded)

    def suits(self, spec: LaneSpec, frame: Frame) -> bool:
        """Whether a lane with this spec can be restored from a frame, including its scores."""
        return self.scoring.complete_in(frame.arrays, spec.scores) and self.fits(frame) is None

    def redirect(self, slot: int, moved: Tensor | None = None, slope: Tensor | None = None) -> None:
        """Tell the scores of a lane that its state or its velocity has been changed."""
        self.returning[slot] = False
        by = torch.zeros_like(self.x[slot]) if moved is None else moved
        found = {"t": float(self.t[slot]), "moved": by, "slope": slope}
        for score in self.scoring.of(slot):
            score.jump(slot, found.__getitem__)

    def jump(
        self, slot: int, state: Tensor, slope: Tensor | None = None, *, renewed: bool = False
    ) -> None:
        """Set the state ``[*shape]`` of a lane at its present time.

        The change is added to the start of the path, so that start and velocities still add up to
        the state. If the state changes because its noise was drawn anew, the whole path is moved to
        the new noise, and the velocities so far count as if they had begun there: scores compare
        where the velocities pointed, not the noise from which they came.

        Args:
            slot: The lane.
            state: The new state.
            slope: ``grad log p_t`` at the state before, if it is known.
            renewed: Whether the noise in the state was drawn anew, with the same expected end.
        """
        moved = state - self.x[slot]
        if self.t[slot] == 0:
            self.start_from(slot, state)
        else:
            if not self.jumped[slot]:
                self.noise[slot] = self.start[slot]
                self.jumped[slot] = True
            change = moved
            if renewed:
                change = moved / (1 - float(self.t[slot]))
                found = {
                    "t": float(self.t[slot]),
                    "state": self.x[slot],
                    "start": self.start[slot],
                    "change": change,
                }
                for score in self.scoring.of(slot):
                    score.renew(slot, found.__getitem__)
            self.start[slot] += change
            self.x[slot] = state
        self.redirect(slot, moved, slope)

    def keep_steps(self, slots: Slots, weights: Floats) -> None:
        """Pass the accepted steps of these lanes to their scores, before the states change.

        ``weights [n, STAGES]`` are those of the stages in each lane's step.
        """
        if not self.scoring.accumulates:
            return
        begun = self.path_time(self.t[slots])
        self.scoring.begin(slots, begun, self.h[slots], self._staged(0))
        taken = weights != 0
        for stage, count in enumerate(taken.sum(0).tolist()):
            if not count:
                continue
            used, weight = slots, weights[:, stage]
            if count < len(slots):
                used, weight = slots[taken[:, stage]], weight[taken[:, stage]]
            t = self.path_time(self.stage_t[stage, used])
            self.scoring.add(used, t, weight, self._staged(stage))

    def path_time(self, t: Floats) -> Floats:
        """Time on the path from noise to data, at times of the lanes ``[n]``."""
        return t

    def _staged(self, stage: int) -> Callable[[Part, Slots], Evidence]:
        """Evidence of a stage; of the first one, also the state."""

        def found(name: str, slots: Slots) -> Any:
            if name == "state":
                return self.x[self.index(slots)]
            if name == "signal":
                return self.signal(self.path_time(self.stage_t[stage, slots]))
            if name == "slope":
                where = self.index(slots)
                t = to_device(self.stage_t[stage, slots].astype(np.float32), self.device)
                return self.slope(self.x[where], t, self.k[stage, where])
            array = self.stage_evidence[name]
            return array[stage, self.index(slots) if isinstance(array, Tensor) else slots]

        return lambda part, slots: lambda name: found(name, slots)

    def ending_evidence(self, slots: Slots, end: Tensor) -> Evidence:
        """Evidence of lanes that end at ``end [n, *shape]``, for the values of their scores.

        ``elapsed`` is the time that each lane has run, 1 at ``t = 0``, shaped to divide samples.
        """
        where = self.index(slots)

        def elapsed() -> Tensor:
            t = self.t[slots]
            return factors(np.where(t > 0, t, 1), self.x)

        known: dict[str, Callable[[], Any]] = {
            "end": lambda: end,
            "t": lambda: self.t[slots],
            "elapsed": elapsed,
            "state": lambda: self.x[where],
            "start": lambda: self.start[where],
            "noise": lambda: self._noise(slots, where),
            "map": lambda: self.map[where],
        }
        # The scores of a lane ask for the same.
        return cache(lambda name: known[name]())

    def _noise(self, slots: Slots, where: Index) -> Tensor:
        jumped = self.jumped[slots]
        if not jumped.any():
            return self.start[where]
        chosen = broadcast(to_device(jumped, self.device), self.x)
        return torch.where(chosen, self.noise[where], self.start[where])

    def running_score(self, score: str, slots: Slots) -> Floats:
        """A score of lanes if they ended at ``x + (1 - t) v`` of their current step, ``[n]``."""
        where = self.index(slots)
        end = self.x[where] + factors(1 - self.t[slots], self.x) * self.k[0, where]
        return self.scoring.values(score, slots, self.ending_evidence(slots, end))

    def early_score(self, score: str, slots: Slots) -> Floats:
        """What a score foresees of lanes between two steps, ``[n]``.

        They are taken to end where the last velocity evaluated points, which costs no further one.
        """
        where, method = self.index(slots), self.method[slots]
        last = np.where(
            COEFFICIENTS.multistep[method], PREVIOUS, COEFFICIENTS.plain_stages[method] - 1
        )
        velocity = self.k[to_device(last, self.device), to_device(slots, self.device)]
        end = self.x[where] + factors(1 - self.t[slots], self.x) * velocity
        return self.scoring.foreseen(score, slots, self.ending_evidence(slots, end))

    def statistics(self, score: str, slots: Slots) -> Floats:
        """The running score, and how the network's foresight has it rank, ``[n, 2]``."""
        if score == self.foresees:
            foreseen = self.read["foreseen"][0, slots]
        else:
            foreseen = np.full(len(slots), np.nan)
        return np.stack([self.running_score(score, slots), foreseen], 1)

    def next_step_t(self, slot: int) -> float:
        """The time at which the next step begins if it is known, else that of the current step."""
        step = self.step[slot]
        if self.tolerance[slot] > 0 or step + 1 >= self.steps[slot]:
            return float(self.t[slot])
        return float(self.grid[slot, step + 1])

    def view(self, slot: int) -> View:
        """The view of a lane once the first stage of its step is known."""
        step, lane = int(self.step[slot]), slice(slot, slot + 1)
        t = to_device(self.t[[slot]].astype(np.float32), self.device)
        left = 1 - float(self.t[slot])
        return View(
            step=step,
            t=float(self.t[slot]),
            state=_copied(self.x[slot]),
            prediction=_copied(LINEAR.ends(self.x[lane], t, self.k[0, lane])[1][0]),
            rate=float(self.rates[slot, step]),
            map=_copied(left**2 * self.variance[0, slot]),
            uncertainty=float(row_sums(self.map[lane].double())[0]),
        )

    def views(self, slot: int) -> tuple[View, ...]:
        """The recorded views of a lane; none if there is a decoder, which comes to them later."""
        return () if self.decoded is not None else self.recorder.views(slot)

    def outcome(self, slot: int, spec: Any) -> Outcome:
        """The result of a lane in its present state, copied to host memory."""
        slots, steps = np.array([slot]), int(self.step[slot])
        ending = self.ending_evidence(slots, self.x[slot : slot + 1])
        state, reason = _copied(self.x[slot]), self._reason(slot)
        tolerance = float(self.tolerance[slot]) or None
        given = spec.origin if isinstance(spec.origin, Inverted) else None
        if given is not None and given.data.shape != state.shape:
            given = None  # a sample, with which that is compared which is decoded
        # The variance of what comes of pure noise is that of the data.
        spread = float(self.rates[slot, 0]) / state.size
        # A latent is decoded in a phase of its own, to which an unfinished lane does not come.
        latent = self.decoded is not None
        return Outcome(
            data=np.full(self.decoded, np.nan, np.float32) if self.decoded else state,
            fields={LATENT: state} if latent else {},
            map=_copied(self.map[slot]),
            t=self.times[slot, : max(steps, 1)].copy(),
            rate=self.rates[slot, : max(steps, 1)].copy(),
            finish_reason=reason,
            accepted=steps,
            rejected=int(self.rejected[slot]),
            evaluations=int(self.evaluations[slot]),
            tolerance=tolerance,
            late=tolerance != spec.tolerance,
            scores={name: self._score(name, slot, ending) for name in spec.scores},
            abandoned_at=float(self.t[slot]) if self.abandoned[slot] else None,
            start=_copied(ending("noise")[0]),
            inversion_error=(
                None if reason in UNFINISHED or not given else given.error(state, spread)
            ),
            frames=self.recorder.frames(slot),
            views=self.recorder.views(slot),
        )

    def _score(self, name: str, slot: int, ending: Evidence) -> float:
        """The value of a score of a lane that ends, or of the sample that it was given."""
        if name in self.way_back and self.returning[slot] and self.t[slot] == 1:
            return float(self.way_back[name][slot])
        return float(self.scoring.values(name, np.array([slot]), ending)[0])

    def _reason(self, slot: int) -> FinishReason:
        if self.abandoned[slot]:
            return "abandoned"
        if self.halted[slot]:
            return "halted"
        return "max_steps" if self.forced[slot] else "converged"

    def set_stage(self, slots: Slots, stage: Integers, velocity: Tensor, variance: Tensor) -> None:
        """Store velocities and variances ``[n, *shape]`` of lanes, each of which is at a stage."""
        first, where = int(stage[0]), self.traits(slots).where
        if isinstance(where, slice) and np.count_nonzero(stage == first) == len(stage):
            self.k[first, where], self.variance[first, where] = velocity, variance
        else:
            place = to_device(stage, self.device), to_device(slots, self.device)
            self.k[place], self.variance[place] = velocity, variance

    def copy_stage(self, slots: Slots, source: int, target: int) -> None:
        """Copy one stage of these lanes to another one."""
        if len(slots):
            where = self.index(slots)
            self.stages_of_path[target][:, where] = self.stages_of_path[source][:, where]
            self.stage_numbers[:, target, slots] = self.stage_numbers[:, source, slots]

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
        """Weights of the stages in each lane's step, ``[n, STAGES]``.

        Two-step Adams-Bashforth on unequal steps: with ``w = h / h_previous`` the velocity at the
        start of the step has the weight ``1 + w / 2`` and that of the previous step ``-w / 2``.
        """
        traits = self.traits(slots)
        weights = traits.b
        if traits.some_multistep:
            two_step = self.in_multistep(slots)
            lanes = slots[two_step]
            half = self.h[lanes] / self.last_h[lanes] / 2
            weights = weights.copy()
            weights[two_step] = 0
            weights[two_step, 0], weights[two_step, 1] = 1 + half, -half
        return weights * self.h[slots, None]

    def error_scale(self, slots: Slots) -> Floats:
        """Factor of the error estimates: step size, and ratio of steps, per tolerance, ``[n]``."""
        h = self.h[slots]
        two_step = self.in_multistep(slots)
        ratio = np.divide(h, self.last_h[slots], out=np.ones_like(h), where=two_step)
        return h * ratio / self.tolerance[slots]


def _copied(tensor: Tensor) -> Array:
    return tensor.cpu().numpy().copy()


@cache
def _score_class(name: str) -> type[Score]:
    """The class of a score, imported when a lane first uses it."""
    kind = resolve_name(SCORES[name].fold)
    if not (isinstance(kind, type) and issubclass(kind, Score)):
        raise TypeError(f"score {name}: {SCORES[name].fold} is no Score")
    return kind
