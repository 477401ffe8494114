"""The lanes of a flow: what they are conditioned on, their scores, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pkgutil import resolve_name

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Integers, Slots
from sureflow.core.card import Condition
from sureflow.core.draw import Purpose
from sureflow.core.engine import EarlyRule
from sureflow.core.frame import Frame
from sureflow.core.lane import LATENT, Array, Inverted, LaneSpec, View
from sureflow.core.lanes import Suspended
from sureflow.core.path import LINEAR
from sureflow.core.process import Bucket
from sureflow.core.score import Evidence, Score
from sureflow.core.transfer import copied, to_device
from sureflow.families.flow.grid import Grid
from sureflow.families.flow.lane_conditions import LaneConditions
from sureflow.families.flow.moving_lanes import MovingLanes
from sureflow.families.flow.objectives import OBJECTIVES, Objective
from sureflow.families.flow.scores.catalogue import SCORES, FlowMeaning
from sureflow.families.flow.spec import FlowSpec
from sureflow.moments.reduction import row_sums
from sureflow.sampling.early_stopping import EarlyStopping
from sureflow.sampling.recorder import TrajectoryRecorder
from sureflow.sampling.scoring import Scoring


class FlowLanes(MovingLanes):
    """Lanes of a flow.

    Attributes:
        bucket: The bucket of all of their rows.
        has_variance: Whether the network gives a variance, and not only its floor.
        foresees: Name of the score that the network's foresight is about, if it has one.
        given: What the lanes are conditioned on.
        decoded: Shape of a sample, if it is decoded from the state in a phase of its own.
        returning: Whether the lane goes, unchanged, to the sample from which it was inverted.
        way_back: Values that scores came to on the way back from that sample, by name; of it, not
            of the sample that is made of its noise.
        scores: What each of the scores means that they can have.
        scoring: Their scores.
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
        scores: Mapping[str, FlowMeaning] = SCORES,
        scorers: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    ) -> None:
        super().__init__(capacity, shape, device, fitted)
        self.scorers = scorers or {}
        self.foresees, self.scores = foresees, scores
        self.bucket = bucket
        self.decoded = decoded
        self.has_variance = has_variance
        self.returning = self.flag("returning", kept=self._is_returning)
        self.way_back = {
            name: self.number(f"way_back.{name}", kept=partial(self._has_way_back, name))
            for name, meaning in scores.items()
            if meaning.way_back
        }
        self.given = LaneConditions(self, conditions or {}, null_label)
        self.scoring = Scoring(self, shape, lambda name: _score_class(name, scores[name].fold))
        self.early_stopping = EarlyStopping(self, early or {})
        self.recorder = TrajectoryRecorder(self)

    def _is_returning(self, slot: int) -> bool:
        return bool(self.returning[slot])

    def _has_way_back(self, score: str, slot: int) -> bool:
        return self._is_returning(slot) and score in self.specs[slot].scores

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start a new lane in a slot, from its noise at ``t = 0``."""
        self.clear(slot)
        self.start_from(slot, self.draw(spec.seed, spec.index, Purpose.START))
        self.map[slot] = 0
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

    def set_condition(self, slot: int, spec: FlowSpec) -> None:
        """Set a lane's spec, and the condition and guidance in it."""
        self.set_spec(slot, spec)
        self.given.set(slot, spec)

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
        self.scoring.begin(slots, begun, self.h[slots], self.stage_evidence(0))
        taken = weights != 0
        for stage, count in enumerate(taken.sum(0).tolist()):
            if not count:
                continue
            used, weight = slots, weights[:, stage]
            if count < len(slots):
                used, weight = slots[taken[:, stage]], weight[taken[:, stage]]
            t = self.path_time(self.said.t[stage, used])
            self.scoring.add(used, t, weight, self.stage_evidence(stage))

    def statistics(self, score: str, slots: Slots) -> Floats:
        """The running score, and how the network's foresight has it rank, ``[n, 2]``.

        The running score is that of lanes that end at ``x + (1 - t) v`` of their current step, or
        before they have one, what it foresees of them.
        """
        ending = self.ending_evidence(slots, self.predicted(slots, np.zeros_like(slots)))
        return self._statistics(score, slots, ending, np.zeros_like(slots))

    def foretold(self, score: str, slots: Slots, specs: Sequence[LaneSpec]) -> Floats:
        """What foretells a score of lanes between two steps, ``[n]``.

        They are taken to end where the last velocity evaluated points, which costs no further one.
        What the calibration learned to foretell the score by is preferred to what the score itself
        says.
        """
        last = self.last_stages(slots)
        ending = self.ending_evidence(slots, self.predicted(slots, last))
        known = self._statistics(score, slots, ending, last)
        learned = self.early_stopping.foretold(score, slots, specs, known)
        if np.isfinite(learned).all():
            return learned
        return self.scoring.foreseen(score, slots, ending)

    def _statistics(self, score: str, slots: Slots, ending: Evidence, stages: Integers) -> Floats:
        """Statistics of lanes that end there, by what was read at these stages."""
        if score == self.foresees:
            foreseen = self.said.read["foreseen"][stages, slots]
        else:
            foreseen = np.full(len(slots), np.nan)
        running = self.scoring.values(score, slots, ending)
        if np.isnan(running).any():
            before = self.scoring.foreseen(score, slots, ending)
            running = np.where(np.isnan(running), before, running)
        return np.stack([running, foreseen], 1)

    def sample_of(self, slot: int, state: Array) -> tuple[Array, dict[str, Array]]:
        """The sample of a lane in this state ``[*shape]``, and the further fields of its result.

        A latent is decoded in a phase of its own, to which an unfinished lane does not come.
        """
        if self.decoded is None:
            return state, {}
        return np.full(self.decoded, np.nan, np.float32), {LATENT: state}

    def objective(self, slot: int, name: str) -> Objective:
        """What guides a lane by its gradient: a function of its state, as it is conditioned."""
        return OBJECTIVES[name]

    def missed(self, given: Inverted, state: Array, spread: float) -> float:
        """How far a state is from that of a given sample; see :meth:`Inverted.error`."""
        return given.error(state, spread)

    def view(self, slot: int) -> View:
        """The view of a lane once the first stage of its step is known."""
        step, lane = int(self.step[slot]), slice(slot, slot + 1)
        t = to_device(self.t[[slot]].astype(np.float32), self.device)
        left = 1 - float(self.t[slot])
        return View(
            step=step,
            t=float(self.t[slot]),
            state=copied(self.x[slot]),
            prediction=copied(LINEAR.ends(self.x[lane], t, self.said.velocity[0, lane])[1][0]),
            rate=float(self.rates[slot, step]),
            map=copied(left**2 * self.said.variance[0, slot]),
            uncertainty=float(row_sums(self.map[lane].double())[0]),
        )

    def views(self, slot: int) -> tuple[View, ...]:
        """The recorded views of a lane; none if there is a decoder, which comes to them later."""
        return () if self.decoded is not None else self.recorder.views(slot)


@cache
def _score_class(name: str, path: str) -> type[Score]:
    """The class of a score at this path, imported when a lane first uses it."""
    kind = resolve_name(path)
    if not (isinstance(kind, type) and issubclass(kind, Score)):
        raise TypeError(f"score {name}: {path} is no Score")
    return kind
