"""The process that integrates the ODE of a flow."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Integers, Slots
from sureflow.core.process import Query, Reply
from sureflow.core.transfer import to_device
from sureflow.families.flow.adaptive import Adaptive
from sureflow.families.flow.combine import combine
from sureflow.families.flow.control import ByLane, StepControl
from sureflow.families.flow.deadline import accept_late_step, relax_tolerance
from sureflow.families.flow.edits import Edits
from sureflow.families.flow.guidance import apply_guidance
from sureflow.families.flow.lanes import PREVIOUS, READ, FlowLanes
from sureflow.families.flow.process import JVP, FlowProcess, on_host
from sureflow.families.flow.scores.catalogue import NULL, SLOPE
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS
from sureflow.moments.reduction import row_sums


class Solver(FlowProcess):
    """Integrates ``dx/dt = v(x, t)`` explicitly, every lane at its own stage of its own method.

    Along with the state it integrates the uncertainty ``dU_i/dt = Sigma_i(x_t, t)`` with the
    method's own weights, at the stages that the method evaluates anyway.

    Attributes:
        control: Step control; by default, what each lane's spec asks for.
        edits: Operations that act on some lanes at every step.
    """

    def __init__(self, lanes: FlowLanes, control: StepControl | None = None) -> None:
        super().__init__(lanes)
        self.control = control or ByLane(Adaptive())
        self.edits = Edits(lanes)

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start a lane from its own noise at ``t = 0``."""
        self.lanes.admit(slot, spec)
        self.edits.admit(slot)
        self.lanes.recorder.record_frames(np.array([slot]))

    def ask(self, slots: Slots) -> list[Query]:
        """Each lane's next stage point, then some of them without condition.

        Guided lanes need the velocity without condition, and so do lanes with a score that wants
        it. If a score wants derivatives, a second query asks for them at the same points.
        """
        lanes, traits = self.lanes, self.lanes.together(slots)
        method, stage, h = traits.method, lanes.stage[slots], lanes.h[slots]
        weights = h[:, None] * COEFFICIENTS.a[method, stage]
        x = combine(lanes.x, lanes.k, traits.where, weights)
        t = lanes.t[slots] + COEFFICIENTS.c[method, stage] * h
        lanes.stage_t[stage, slots] = t
        doubled = self._needs_null(slots, t).nonzero()[0]
        query = self.velocity_query(slots, x, t.astype(np.float32), doubled)
        wanted = lanes.scoring.wants(SLOPE, slots, t)
        if wanted is None:
            return [query]
        # Rows of the lanes in order, then the unconditional rows of the guided ones among them.
        first = np.flatnonzero(wanted)
        second = wanted[doubled] & (lanes.guidance[slots[doubled]] != 1)
        rows = np.concatenate([first, len(slots) + np.flatnonzero(second)])
        owner = slots[np.concatenate([first, doubled[second]])]
        where = to_device(rows, lanes.device)
        inputs = {name: value[where] for name, value in query.inputs.items()}
        inputs["direction"] = lanes.scoring.inputs(SLOPE, owner)
        return [query, Query(JVP, inputs, query.bucket)]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Store the stage, and finish the steps that are complete.

        A lane whose reply is not finite has diverged; it keeps its last finite state.
        """
        lanes, traits, reply = self.lanes, self.lanes.traits(slots), replies[0]
        guidance, stage = traits.guidance, lanes.stage[slots]
        t = lanes.stage_t[stage, slots]
        twice = self._needs_null(slots, t)
        velocity, variance = apply_guidance(reply, guidance, twice.nonzero()[0])
        self._observe_null(slots, t, twice, reply)
        velocity = self.edits.steer(slots, velocity)
        lanes.set_stage(slots, stage, velocity, variance)
        lanes.evaluations[slots] += 1 + twice
        lanes.stage[slots] = stage + 1

        complete = stage + 1 == lanes.stages(slots)
        # The only read of a tick that waits for the device.
        read = {"rate": variance.flatten(1).sum(1), "total": velocity.flatten(1).sum(1)}
        read |= {name: reply[name][: len(slots)] for name in READ if name in reply}
        if len(replies) > 1:
            read["slope"] = replies[1]["slope"]
        if traits.some_adaptive:
            measured = complete & lanes.needs_error(slots)
            read["trace"] = row_sums(variance)
            read["error"] = self._error_squares(slots[measured])
        numbers = on_host(read)
        rate = numbers["rate"]
        for name in (name for name in READ if name in numbers):
            lanes.read[name][stage, slots] = numbers[name]
        if "slope" in numbers:
            self._store_slopes(slots, t, numbers["slope"])

        size = math.prod(lanes.shape)
        mean_variance, slope = np.zeros((2, len(slots)))
        if traits.some_adaptive:
            # The cap is for the variance without guidance, which scales that of two branches.
            mean_variance = numbers["trace"] / size / (guidance**2 + (1 - guidance) ** 2)
            slope[measured] = np.sqrt(numbers["error"] / size)
        lanes.stage_evidence["trace"][stage, slots] = rate
        finite = np.isfinite(rate + numbers["total"] + slope)

        self._begin(finite & (stage == 0), slots, rate, mean_variance)
        done = np.zeros(len(slots), np.bool_)
        ended = (complete & finite & ~lanes.halted[slots]).nonzero()[0]
        if len(ended):
            kept = ended[self._accept(_of(slots, ended), slope[ended])]
            kept = kept[~self.edits.repeat(_of(slots, kept))]
            these = _of(slots, kept)
            done[kept] = self._keep(these)
            shared = np.zeros(len(slots), np.bool_)
            shared[kept] = self._share_stage(these, done[kept])
            lanes.recorder.record_frames(these[~done[kept]])
            if np.count_nonzero(shared):
                self._begin(shared, slots, rate, mean_variance)
        return done | lanes.abandoned[slots] | lanes.halted[slots], ~finite

    def _needs_null(self, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes are also evaluated without condition."""
        twice = self.lanes.traits(slots).guided
        asking = self.lanes.scoring.wants(NULL, slots, t)
        return twice if asking is None else twice | asking

    def _observe_null(self, slots: Slots, t: Floats, twice: Flags, reply: Reply) -> None:
        """Pass the answers with and without condition to the scores that want them."""
        lanes, asking = self.lanes, self.lanes.scoring.wants(NULL, slots, t)
        if asking is None:
            return
        chosen = np.flatnonzero(asking)
        null = len(slots) + (np.cumsum(twice) - 1)[chosen]
        found = {
            "velocity": reply["velocity"][chosen],
            NULL: reply["velocity"][null],
            "start": lanes.start[to_device(slots[chosen], lanes.device)],
        }
        if "logits" in reply:
            found["logits"] = reply["logits"][null]
        lanes.scoring.observe(NULL, slots[chosen], t[chosen], found)

    def _store_slopes(self, slots: Slots, t: Floats, slopes: Floats) -> None:
        """Store the slopes of the velocities that moved these lanes, with guidance applied."""
        lanes, wanted = self.lanes, self.lanes.scoring.wants(SLOPE, slots, t)
        assert wanted is not None
        asking = slots[wanted]
        scale = lanes.guidance[asking].astype(np.float64)
        guided = scale != 1
        slope, null = slopes[: len(asking)].copy(), slopes[len(asking) :]
        slope[guided] = null + scale[guided] * (slope[guided] - null)
        # Stage counters already point to the next stage.
        lanes.stage_evidence["divergence"][lanes.stage[asking] - 1, asking] = slope
        lanes.evaluations[asking] += 1 + guided

    def _begin(self, which: Flags, slots: Slots, rate: Floats, mean_variance: Floats) -> None:
        """Record the beginning of a step and set its size, once its first stage is known."""
        lanes, begun = self.lanes, _of(slots, which.nonzero()[0])
        if len(begun):
            step = lanes.step[begun]
            lanes.times[begun, step], lanes.rates[begun, step] = lanes.t[begun], rate[which]
            relax_tolerance(lanes, begun)
            self.control.begin(lanes, begun, mean_variance[which])
            lanes.early_stopping.check(begun)
            lanes.recorder.record_views(begun)

    def _accept(self, slots: Slots, slope: Floats) -> Flags:
        """Whether each step is accepted; a rejected one is tried again after its first stage."""
        lanes, traits = self.lanes, self.lanes.traits(slots)
        error = np.zeros(len(slots))
        if traits.some_adaptive:
            adaptive = traits.adaptive
            judged = slots[adaptive]
            scaled = slope[adaptive] * lanes.error_scale(judged)
            error[adaptive] = accept_late_step(lanes, judged, scaled)
        kept = self.control.accept(lanes, slots, error)
        lanes.stage[slots] = np.where(kept, 0, 1)
        return kept

    def _keep(self, slots: Slots) -> Flags:
        """Apply the steps; returns which of the lanes leave the solver, at ``t = 1`` or before."""
        lanes, where = self.lanes, self.lanes.traits(slots).where
        weights = lanes.weights(slots)
        lanes.keep_steps(slots, weights)
        lanes.path[:, where] = combine(lanes.path, lanes.stages_of_path, where, weights, 1)
        lanes.step[slots] += 1
        lanes.last_h[slots] = lanes.h[slots]
        arrived = self.control.advance(lanes, slots)
        self.edits.after_step(slots)
        return arrived | (lanes.step[slots] >= lanes.leave_at[slots])

    def _share_stage(self, slots: Slots, done: Flags) -> Flags:
        """Reuse stages in the next step; returns the lanes whose first stage is known thereby.

        A multistep lane that leaves keeps its velocity too, as it may return after an operation.
        """
        lanes, traits = self.lanes, self.lanes.traits(slots)
        if traits.some_multistep:
            lanes.copy_stage(slots[traits.multistep], 0, PREVIOUS)
        if not traits.some_adaptive:
            return np.zeros(len(slots), np.bool_)
        method = traits.method
        shared: Flags = COEFFICIENTS.fsal[method] & traits.adaptive & ~done
        if np.count_nonzero(shared):
            shared &= ~self.edits.active(slots)
            last = COEFFICIENTS.stages[method] - 1
            for source in np.unique(last[shared]).tolist():
                lanes.copy_stage(slots[shared & (last == source)], source, 0)
            lanes.stage[slots[shared]] = 1
        return shared

    def _error_squares(self, slots: Slots) -> Tensor:
        """Squared error estimates relative to ``1 + |x|`` per step size, summed, ``[n]``.

        The estimate of a multistep step is its difference to a step of Euler's method.
        """
        lanes, where = self.lanes, self.lanes.index(slots)
        weights = COEFFICIENTS.error[lanes.method[slots]]
        two_step = lanes.in_multistep(slots)
        weights[two_step] = 0
        weights[two_step, 0], weights[two_step, 1] = 0.5, -0.5
        error = combine(torch.zeros_like(lanes.x[:1]).expand_as(lanes.x), lanes.k, where, weights)
        return row_sums((error / (1 + lanes.x[where].abs())).square())


def _of(slots: Slots, chosen: Integers) -> Slots:
    """Those of the lanes that are chosen, by their places, ascending; all of them as they are."""
    return slots if len(chosen) == len(slots) else slots[chosen]
