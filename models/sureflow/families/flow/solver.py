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
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.process import CLASSES, JVP, FlowProcess, on_host
from sureflow.families.flow.remembered import Remembered
from sureflow.families.flow.scores.catalogue import NULL, READ_CLASSES, SLOPE
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.stages import READ
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
        it. If a score wants derivatives, or classes, another query asks for them at the same
        points.
        """
        lanes, traits = self.lanes, self.lanes.together(slots)
        window, stage, t = lanes.window(slots), lanes.stage[slots], lanes.t[slots]
        if np.count_nonzero(stage):
            h = lanes.h[slots]
            x = window.sum(h[:, None] * COEFFICIENTS.a[traits.method, stage])
            t += COEFFICIENTS.c[traits.method, stage] * h
        else:  # a network may work in place on its rows
            x = window.x.clone()
        lanes.said.t[stage, slots] = t
        doubled = self._doubled(slots, t)
        query = self.velocity_query(slots, x, t.astype(np.float32), doubled)
        queries = [query]
        if (wanted := lanes.scoring.wants(SLOPE, slots, t)) is not None:
            queries.append(self._slopes(query, slots, doubled, wanted))
        if (wanted := lanes.scoring.wants(READ_CLASSES, slots, t)) is not None:
            where = to_device(np.flatnonzero(wanted), lanes.device)
            inputs = {name: query.inputs[name][where] for name in ("x", "t")}
            queries.append(Query(CLASSES, inputs, query.bucket))
        return queries

    def _slopes(self, query: Query, slots: Slots, doubled: Integers, wanted: Flags) -> Query:
        """Query for the derivatives that these lanes want, at the points of another query."""
        lanes = self.lanes
        # Rows of the lanes in order, then the unconditional rows of the guided ones among them.
        first = np.flatnonzero(wanted)
        second = wanted[doubled] & (lanes.guidance[slots[doubled]] != 1)
        rows = np.concatenate([first, len(slots) + np.flatnonzero(second)])
        owner = slots[np.concatenate([first, doubled[second]])]
        where = to_device(rows, lanes.device)
        inputs = {name: value[where] for name, value in query.inputs.items()}
        inputs["direction"] = lanes.scoring.inputs(SLOPE, owner)
        return Query(JVP, inputs, query.bucket)

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Store the stage, and finish the steps that are complete.

        A lane whose reply is not finite has diverged; it keeps its last finite state.
        """
        lanes, traits, reply = self.lanes, self.lanes.traits(slots), replies[0]
        stage = lanes.stage[slots]
        t = lanes.said.t[stage, slots]
        doubled = self._doubled(slots, t)
        velocity, variance = apply_guidance(reply, traits.guidance, doubled)
        self._observe_null(slots, t, doubled, reply)
        velocity = self.edits.steer(slots, velocity)
        read = {"sums": lanes.window(slots).put(stage, velocity, variance)}
        lanes.evaluations[traits.part] += 1
        if len(doubled):
            lanes.evaluations[slots[doubled]] += 1
        lanes.stage[traits.part] += 1

        complete = stage + 1 == lanes.stages(slots)
        read |= {name: reply[name][: len(slots)] for name in READ if name in reply}
        for other in replies[1:]:
            if "slope" in other:
                read["slope"] = other["slope"]
            else:
                self._observe_classes(slots, t, other)
        if traits.some_adaptive:
            measured = complete & lanes.needs_error(slots)
            read["trace"] = row_sums(variance)
            read["error"] = self._error_squares(_of(slots, measured.nonzero()[0]))
        numbers = on_host(read)  # the only read of a tick that waits for the device
        total, rate = numbers["sums"]
        for name in (name for name in READ if name in numbers):
            lanes.said.read[name][stage, slots] = numbers[name]
        if "slope" in numbers:
            self._store_slopes(slots, t, numbers["slope"])
        lanes.said.evidence["trace"][stage, slots] = rate

        error, mean_variance = np.zeros((2, len(slots)))
        if traits.some_adaptive:
            size, guidance = math.prod(lanes.shape), traits.guidance
            # The cap is for the variance without guidance, which scales that of two branches.
            mean_variance = numbers["trace"] / size / (guidance**2 + (1 - guidance) ** 2)
            error[measured] = np.sqrt(numbers["error"] / size)
        finite = np.isfinite(rate + total + error)
        self._begin(slots, finite & (stage == 0), rate, mean_variance)
        done = np.zeros(len(slots), np.bool_)
        ended = (complete & finite & ~lanes.halted[traits.part]).nonzero()[0]
        if len(ended):
            kept = _those(ended, self._accept(_of(slots, ended), error[ended]))
            if self.edits.any:
                kept = kept[~self.edits.repeat(_of(slots, kept))]
            these = _of(slots, kept)
            done[kept] = self._keep(these)
            shared = self._share_stage(slots, kept, ~done) if traits.some_adaptive else None
            if lanes.recorder.any:
                lanes.recorder.record_frames(these[~done[kept]])
            if shared is not None:
                self._begin(slots, shared, rate, mean_variance)
        return done | lanes.abandoned[traits.part] | lanes.halted[traits.part], ~finite

    def _doubled(self, slots: Slots, t: Floats) -> Integers:
        """Places of those of these lanes that are also evaluated without condition, ascending."""
        traits, asking = self.lanes.traits(slots), self.lanes.scoring.wants(NULL, slots, t)
        if asking is None:
            return traits.guided_places
        return np.flatnonzero(traits.guided | asking)

    def _observe_null(self, slots: Slots, t: Floats, doubled: Integers, reply: Reply) -> None:
        """Pass the answers with and without condition to the scores that want them."""
        lanes, asking = self.lanes, self.lanes.scoring.wants(NULL, slots, t)
        if asking is None:
            return
        chosen = np.flatnonzero(asking)
        null = len(slots) + np.searchsorted(doubled, chosen)
        found = {
            "velocity": reply["velocity"][chosen],
            NULL: reply["velocity"][null],
            "start": lanes.start[to_device(slots[chosen], lanes.device)],
        }
        lanes.scoring.observe(NULL, slots[chosen], t[chosen], found)

    def _observe_classes(self, slots: Slots, t: Floats, reply: Reply) -> None:
        """Pass what a classifier has read to the scores that want it, and count the rows."""
        lanes, asking = self.lanes, self.lanes.scoring.wants(READ_CLASSES, slots, t)
        assert asking is not None
        lanes.evaluations[slots[asking]] += 1
        lanes.scoring.observe(READ_CLASSES, slots[asking], t[asking], reply)

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
        lanes.said.evidence["divergence"][lanes.stage[asking] - 1, asking] = slope
        lanes.evaluations[asking] += 1 + guided

    def _begin(self, slots: Slots, which: Flags, rate: Floats, mean_variance: Floats) -> None:
        """Record the beginning of steps and set their sizes, once their first stage is known."""
        chosen = which.nonzero()[0]
        if not len(chosen):
            return
        lanes, begun = self.lanes, _of(slots, chosen)
        step = lanes.step[begun]
        lanes.times[begun, step], lanes.rates[begun, step] = lanes.t[begun], rate[chosen]
        if lanes.traits(begun).some_adaptive:
            relax_tolerance(lanes, begun)
        self.control.begin(lanes, begun, mean_variance[chosen])
        lanes.early_stopping.check(begun)
        lanes.recorder.record_views(begun)

    def _accept(self, slots: Slots, error: Floats) -> Flags:
        """Whether each step is accepted; a rejected one is tried again after its first stage."""
        lanes, traits = self.lanes, self.lanes.traits(slots)
        if traits.some_adaptive:
            adaptive, scaled = traits.adaptive, np.zeros(len(slots))
            judged = slots[adaptive]
            late = error[adaptive] * lanes.error_scale(judged)
            scaled[adaptive] = accept_late_step(lanes, judged, late)
            error = scaled
        kept = self.control.accept(lanes, slots, error)
        lanes.stage[slots] = ~kept
        return kept

    def _keep(self, slots: Slots) -> Flags:
        """Apply the steps; returns which of the lanes leave the solver, at ``t = 1`` or before."""
        lanes, part = self.lanes, self.lanes.traits(slots).part
        weights = lanes.weights(slots)
        lanes.keep_steps(slots, weights)
        multistep = lanes.traits(slots).some_multistep
        remembered = Remembered(lanes, slots) if multistep else None
        lanes.window(slots).step(weights)
        lanes.step[part] += 1
        lanes.last_h[part], lanes.last_weights[part] = lanes.h[part], weights
        arrived = self.control.advance(lanes, slots)
        if self.edits.any:
            self.edits.after_step(slots)
        if remembered is not None:
            remembered.keep()
        return arrived | (lanes.step[part] >= lanes.leave_at[part])

    def _share_stage(self, slots: Slots, kept: Integers, goes_on: Flags) -> Flags:
        """Reuse the last stage of steps that were kept, where the next one begins with it.

        Returns:
            The lanes whose first stage is known thereby, ``[n]``.
        """
        lanes, traits = self.lanes, self.lanes.traits(slots)
        shared = np.zeros(len(slots), np.bool_)
        shared[kept] = True
        shared &= COEFFICIENTS.fsal[traits.method] & traits.adaptive & goes_on
        if np.count_nonzero(shared):
            shared &= ~self.edits.active(slots)
            last = COEFFICIENTS.stages[traits.method] - 1
            for source in np.unique(last[shared]).tolist():
                lanes.copy_stage(slots[shared & (last == source)], source, 0)
            lanes.stage[slots[shared]] = 1
        return shared

    def _error_squares(self, slots: Slots) -> Tensor:
        """Squared error estimates relative to ``1 + |x|`` per step size, summed, ``[n]``.

        The estimate of a multistep step is the difference that a velocity which goes on changing
        in time as before makes to a step of Euler's method.
        """
        lanes, window = self.lanes, self.lanes.window(slots)
        weights = COEFFICIENTS.error[lanes.method[slots]]
        two_step = lanes.in_multistep(slots)
        weights[two_step] = 0
        weights[two_step, 0], weights[two_step, 1] = 0.5, -0.5
        error = combine(torch.zeros_like(window.x), window.velocity, weights)
        return row_sums((error / (1 + window.x.abs())).square())


def _of(slots: Slots, chosen: Integers) -> Slots:
    """Those of the lanes that are chosen, by their places, ascending; all of them as they are."""
    return slots if len(chosen) == len(slots) else slots[chosen]


def _those(places: Integers, chosen: Flags) -> Integers:
    return places if chosen.all() else places[chosen]
