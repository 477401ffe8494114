"""The ODE flow as a process: which rows its lanes ask for, and how the replies advance them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.transfer import to_device, to_host
from sureflow.families.flow.combine import combine
from sureflow.families.flow.control import ByLane, StepControl
from sureflow.families.flow.deadline import accept_late_step, relax_tolerance
from sureflow.families.flow.edits import Edits
from sureflow.families.flow.guidance import guide
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.rows import jvp_query, velocity_query
from sureflow.families.flow.scores.names import NULL, SLOPE
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS
from sureflow.moments.reduction import row_sums


class Solver:
    """Explicit solvers of ``dx/dt = v(x, t)``, every lane at its own stage of its own method.

    Along with the state it integrates the uncertainty ``dU_i/dt = Sigma_i(x_t, t)`` with the
    method's own weights, at the stages the solver evaluates anyway.

    Args:
        lanes: The lanes to move.
        control: What decides on steps; by default what each lane's spec asks for.

    Attributes:
        edits: What is done to some lanes at every step.
    """

    def __init__(self, lanes: FlowLanes, control: StepControl | None = None) -> None:
        self.lanes = lanes
        self.control = control or ByLane()
        self.edits = Edits(lanes)

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start a lane from its own noise at ``t = 0``."""
        self.lanes.admit(slot, spec)
        self.edits.admit(slot)
        self.lanes.recorder.pass_by(np.array([slot]))

    def ask(self, slots: Slots) -> list[Query]:
        """Each lane's next stage point, then once more without condition where that is needed.

        Guided lanes need it, and those whose score wants to know the null velocity. Rows of lanes
        whose score wants a derivative are asked for once more, differentiated.
        """
        lanes = self.lanes
        method, stage, h = lanes.method[slots], lanes.stage[slots], lanes.h[slots]
        weights = h[:, None] * COEFFICIENTS.a[method, stage]
        x = combine(lanes.x, lanes.k, lanes.index(slots), weights)
        t = lanes.t[slots] + COEFFICIENTS.c[method, stage] * h
        lanes.stage_t[stage, slots] = t
        doubled = np.flatnonzero(self._twice(slots, t))
        query = velocity_query(lanes, slots, x, t.astype(np.float32), doubled)
        wanted = lanes.scoring.wants(SLOPE, slots, t)
        if wanted is None:
            return [query]
        # In the order of the lanes, then the second rows of the guided ones among them.
        first = np.flatnonzero(wanted)
        second = wanted[doubled] & (lanes.guidance[slots[doubled]] != 1)
        rows = np.concatenate([first, len(slots) + np.flatnonzero(second)])
        owner = slots[np.concatenate([first, doubled[second]])]
        return [query, jvp_query(query, rows, lanes.scoring.inputs(SLOPE, owner))]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Store the stage and finish the steps that are complete.

        A lane whose reply is not finite has diverged; it stays at its last good state.
        """
        lanes, reply = self.lanes, replies[0]
        guidance, stage = lanes.guidance[slots], lanes.stage[slots]
        t = lanes.stage_t[stage, slots]
        twice = self._twice(slots, t)
        velocity, variance = guide(reply, guidance, np.flatnonzero(twice))
        self._show_null(slots, t, twice, reply["velocity"])
        velocity = self.edits.steer(slots, velocity)
        where = to_device(stage, lanes.device), to_device(slots, lanes.device)
        lanes.k[where], lanes.variance[where] = velocity, variance
        lanes.evaluations[slots] += 1 + twice
        lanes.stage[slots] = stage + 1

        complete = stage + 1 == lanes.stages(slots)
        adaptive = lanes.adaptive(slots)
        measured = complete & lanes.judged(slots)
        # the one read per tick that waits for the device
        read = {"rate": variance.flatten(1).sum(1), "total": velocity.flatten(1).sum(1)}
        if "reading" in reply:
            read["reading"] = reply["reading"][: len(slots)]
        if len(replies) > 1:
            read["slope"] = replies[1]["slope"]
        if adaptive.any():
            read["trace"] = row_sums(variance)
            read["error"] = self._error_squares(slots[measured])
        numbers = _on_host(read)
        rate = numbers["rate"]
        if "reading" in numbers:
            lanes.staged["reading"][stage, slots] = numbers["reading"]
        if "slope" in numbers:
            self._differentiate(slots, t, numbers["slope"])

        size = math.prod(lanes.shape)
        spread, slope = np.zeros((2, len(slots)))
        if adaptive.any():
            # guidance scales the variance of two branches; the cap is made for that of one
            spread = numbers["trace"] / size / (guidance**2 + (1 - guidance) ** 2)
            slope[measured] = np.sqrt(numbers["error"] / size)
        lanes.staged["trace"][stage, slots] = rate
        finite = np.isfinite(rate + numbers["total"] + slope)

        self._begin(finite & (stage == 0), slots, rate, spread)
        done = np.zeros(len(slots), np.bool_)
        ended = np.flatnonzero(complete & finite & ~lanes.halted[slots])
        if len(ended):
            kept = ended[self._judge(slots[ended], slope[ended], adaptive[ended])]
            kept = kept[~self.edits.repeat(slots[kept])]
            done[kept] = self._keep(slots[kept])
            shared = np.zeros(len(slots), np.bool_)
            shared[kept] = self._share_stage(slots[kept], done[kept])
            lanes.recorder.pass_by(slots[kept[~done[kept]]])
            if shared.any():
                self._begin(shared, slots, rate, spread)
        return done | lanes.abandoned[slots] | lanes.halted[slots], ~finite

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The state that the lane has come to, with what was gathered on the way."""
        return self.lanes.outcome(slot, spec)

    def release(self, slot: int) -> None:
        """Change nothing: whoever is admitted next overwrites the slot."""

    def _twice(self, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes are evaluated once more without condition."""
        twice: Flags = self.lanes.guidance[slots] != 1
        asking = self.lanes.scoring.wants(NULL, slots, t)
        return twice if asking is None else twice | asking

    def _show_null(self, slots: Slots, t: Floats, twice: Flags, velocities: Tensor) -> None:
        """Show the two velocities to the scores that want to know the one without condition."""
        lanes, asking = self.lanes, self.lanes.scoring.wants(NULL, slots, t)
        if asking is None:
            return
        chosen = np.flatnonzero(asking)
        null = len(slots) + (np.cumsum(twice) - 1)[chosen]
        found = {
            "velocity": velocities[chosen],
            NULL: velocities[null],
            "start": lanes.start[to_device(slots[chosen], lanes.device)],
        }
        lanes.scoring.see(NULL, slots[chosen], t[chosen], found)

    def _differentiate(self, slots: Slots, t: Floats, slopes: Floats) -> None:
        """Note the slopes of the velocities that moved these lanes, guided where they are."""
        lanes, wanted = self.lanes, self.lanes.scoring.wants(SLOPE, slots, t)
        assert wanted is not None
        asking = slots[wanted]
        scale = lanes.guidance[asking].astype(np.float64)
        guided = scale != 1
        slope, null = slopes[: len(asking)].copy(), slopes[len(asking) :]
        slope[guided] = null + scale[guided] * (slope[guided] - null)
        # the stage that has just been evaluated
        lanes.staged["divergence"][lanes.stage[asking] - 1, asking] = slope
        lanes.evaluations[asking] += 1 + guided

    def _begin(self, which: Flags, slots: Slots, rate: Floats, spread: Floats) -> None:
        """Note where a step begins and how large it will be, now that its first stage is known."""
        lanes, begun = self.lanes, slots[which]
        if len(begun):
            step = lanes.step[begun]
            lanes.times[begun, step], lanes.rates[begun, step] = lanes.t[begun], rate[which]
            relax_tolerance(lanes, begun)
            self.control.begin(lanes, begun, spread[which])
            lanes.early_stopping.look(begun)
            lanes.recorder.look(begun)

    def _judge(self, slots: Slots, slope: Floats, adaptive: Flags) -> Flags:
        """Whether each step may be kept; a rejected one begins again after its first stage."""
        lanes = self.lanes
        error = np.zeros(len(slots))
        judged = slots[adaptive]
        if len(judged):
            scaled = slope[adaptive] * lanes.error_scale(judged)
            error[adaptive] = accept_late_step(lanes, judged, scaled)
        kept = self.control.judge(lanes, slots, error)
        lanes.stage[slots] = np.where(kept, 0, 1)
        return kept

    def _keep(self, slots: Slots) -> Flags:
        """Make the step; returns which of the lanes leave the flow, at ``t = 1`` or before."""
        lanes = self.lanes
        where, weights = lanes.index(slots), lanes.weights(slots)
        lanes.keep_steps(slots, weights)
        lanes.path[:, where] = combine(lanes.path, lanes.stages_of_path, where, weights, 1)
        lanes.step[slots] += 1
        lanes.last_h[slots] = lanes.h[slots]
        arrived = self.control.proceed(lanes, slots)
        self.edits.arrive(slots)
        return arrived | (lanes.step[slots] >= lanes.until[slots])

    def _share_stage(self, slots: Slots, done: Flags) -> Flags:
        """Hand stages on to the next step; returns the lanes whose first stage is known by that.

        The velocity is remembered even by a lane that leaves, as it may come back.
        """
        lanes, method = self.lanes, self.lanes.method[slots]
        remember = COEFFICIENTS.multistep[method]
        lanes.copy_stage(slots[remember], np.zeros_like(slots[remember]), 1)
        shared: Flags = COEFFICIENTS.fsal[method] & lanes.adaptive(slots) & ~done
        if shared.any():
            shared &= ~self.edits.steered(slots)
            lanes.copy_stage(slots[shared], COEFFICIENTS.stages[method[shared]] - 1, 0)
            lanes.stage[slots[shared]] = 1
        return shared

    def _error_squares(self, slots: Slots) -> Tensor:
        """Squares of the scaled error estimates per unit of step size, summed over components."""
        lanes, where = self.lanes, self.lanes.index(slots)
        zero = torch.zeros_like(lanes.x[:1]).expand_as(lanes.x)
        error = combine(zero, lanes.k, where, lanes.error_weights(slots))
        return row_sums((error / (1 + lanes.x[where].abs())).square())


def _on_host(parts: dict[str, Tensor]) -> dict[str, Floats]:
    """Numbers by name, each ``[n]``, from the device in one read."""
    values = to_host(torch.cat([*parts.values()])).astype(np.float64)
    found, start = {}, 0
    for name, part in parts.items():
        found[name] = values[start : start + len(part)]
        start += len(part)
    return found
