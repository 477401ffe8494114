"""The ODE flow as a process: which rows its lanes ask for, and how the replies advance them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Integers, Slots
from sureflow.core.process import Outcome, Rows
from sureflow.core.transfer import to_device, to_host
from sureflow.families.flow.combine import combine
from sureflow.families.flow.control import ByLane, StepControl
from sureflow.families.flow.deadline import hurry, pardon
from sureflow.families.flow.edits import Edits
from sureflow.families.flow.guidance import guide
from sureflow.families.flow.lanes import Lanes
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS
from sureflow.moments.reduction import row_sums
from sureflow.networks import Reply


class Flow:
    """Explicit solvers of ``dx/dt = v(x, t)``, every lane at its own stage of its own method.

    Along with the state it integrates the uncertainty ``dU_i/dt = Sigma_i(x_t, t)`` with the
    method's own weights, at the stages the solver evaluates anyway.

    Args:
        lanes: The lanes to move.
        null_label: Label that stands for "no condition".
        control: What decides on steps; by default what each lane's spec asks for.

    Attributes:
        edits: What is done to some lanes at every step.
    """

    def __init__(self, lanes: Lanes, null_label: int, control: StepControl | None = None) -> None:
        self.lanes = lanes
        self.null_label = null_label
        self.control = control or ByLane()
        self.edits = Edits(lanes)

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start a lane from its own noise at ``t = 0``."""
        self.lanes.admit(slot, spec, self.null_label)
        self.edits.admit(slot)
        self.lanes.keeper.pass_by(np.array([slot]))

    def rows(self, slots: Slots) -> Rows:
        """Each lane's next stage point, then once more without condition for guided lanes."""
        lanes = self.lanes
        method, stage, h = lanes.method[slots], lanes.stage[slots], lanes.h[slots]
        weights = h[:, None] * COEFFICIENTS.a[method, stage]
        x = combine(lanes.x, lanes.k, lanes.index(slots), weights)
        t = lanes.t[slots] + COEFFICIENTS.c[method, stage] * h
        lanes.stage_t[stage, slots] = t
        doubled = np.flatnonzero((lanes.guidance[slots] != 1) | self._asking(slots, t))
        rows = Rows.at(x, t.astype(np.float32), lanes.label[slots], doubled, self.null_label)
        return self._probing(slots, rows, doubled)

    def advance(
        self, slots: Slots, replies: Reply, slopes: Tensor | None = None
    ) -> tuple[Flags, Flags]:
        """Store the stage and finish the steps that are complete.

        A lane whose reply is not finite has diverged; it stays at its last good state.
        """
        lanes = self.lanes
        guidance, stage = lanes.guidance[slots], lanes.stage[slots]
        t = lanes.stage_t[stage, slots]
        asking = self._asking(slots, t)
        twice = (guidance != 1) | asking
        velocity, variance = guide(replies, guidance, np.flatnonzero(twice))
        if asking.any():
            self._answer(slots, t, np.cumsum(twice) - 1, replies.mean)
        velocity = self.edits.steer(slots, velocity)
        where = to_device(stage, lanes.device), to_device(slots, lanes.device)
        lanes.k[where], lanes.variance[where] = velocity, variance
        lanes.evaluations[slots] += 1 + twice
        lanes.stage[slots] = stage + 1

        complete = stage + 1 == lanes.stages(slots)
        adaptive = lanes.adaptive(slots)
        measured = complete & lanes.judged(slots)
        # the one read per tick that waits for the device
        read = [] if slopes is None else [slopes]
        reading = replies.reading
        read += [] if reading is None else [reading[: len(slots)]]
        read += [variance.flatten(1).sum(1), velocity.flatten(1).sum(1)]
        if adaptive.any():
            read += [row_sums(variance), self._error_squares(slots[measured])]
        numbers = to_host(torch.cat(read)).astype(np.float64)
        if slopes is not None:
            self._differentiate(slots, numbers[: len(slopes)])
            numbers = numbers[len(slopes) :]
        if reading is not None:
            lanes.reading[stage, slots], numbers = numbers[: len(slots)], numbers[len(slots) :]
        rate, total, *more = np.split(numbers, (len(slots), 2 * len(slots), 3 * len(slots)))

        size = math.prod(lanes.shape)
        spread, slope = np.zeros((2, len(slots)))
        if adaptive.any():
            # guidance scales the variance of two branches; the cap is made for that of one
            spread = more[0] / size / (guidance**2 + (1 - guidance) ** 2)
            slope[measured] = np.sqrt(more[1] / size)
        lanes.trace[stage, slots] = rate
        finite = np.isfinite(rate + total + slope)

        self._begin(finite & (stage == 0), slots, rate, spread)
        done = np.zeros(len(slots), np.bool_)
        ended = np.flatnonzero(complete & finite & ~lanes.halted[slots])
        if len(ended):
            kept = ended[self._judge(slots[ended], slope[ended], adaptive[ended])]
            kept = kept[~self.edits.repeat(slots[kept])]
            done[kept] = self._keep(slots[kept])
            shared = np.zeros(len(slots), np.bool_)
            shared[kept] = self._share_stage(slots[kept], done[kept])
            lanes.keeper.pass_by(slots[kept[~done[kept]]])
            self._begin(shared, slots, rate, spread)
        return done | lanes.abandoned[slots] | lanes.halted[slots], ~finite

    def progress(self, slot: int) -> tuple[int, float]:
        """Steps kept, and the time at which the current one begins."""
        return self.lanes.progress(slot)

    def retire(self, slot: int, spec: FlowSpec) -> Outcome:
        """The state that the lane has come to, with what was gathered on the way."""
        return self.lanes.outcome(slot, spec)

    def release(self, slot: int) -> None:
        """Change nothing: whoever is admitted next overwrites the slot."""

    def _asking(self, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes want to know the velocity without condition, for a score."""
        asking = np.zeros(len(slots), np.bool_)
        for score in self.lanes.followed.asked:
            asking |= score.asks(slots, t)
        return asking

    def _answer(self, slots: Slots, t: Floats, place: Integers, means: Tensor) -> None:
        """Tell them; ``place`` of a lane's second row among all second rows."""
        for score in self.lanes.followed.asked:
            if len(chosen := np.flatnonzero(score.asks(slots, t))):
                null = means[len(slots) + place[chosen]]
                score.answer(slots[chosen], means[chosen], null)

    def _probing(self, slots: Slots, rows: Rows, doubled: Integers) -> Rows:
        """The same rows, those that moved a lane whose score wants it to be differentiated too.

        In the order of the lanes, then the second rows of the guided ones among them.
        """
        divergence = self.lanes.followed.divergence
        if divergence is None or not (asking := divergence.asks(slots)).any():
            return rows
        first = np.flatnonzero(asking)
        second = asking[doubled] & (self.lanes.guidance[slots[doubled]] != 1)
        owner = slots[np.concatenate([first, doubled[second]])]
        probed = np.concatenate([first, len(slots) + np.flatnonzero(second)])
        probe = divergence.probe(to_device(owner, self.lanes.device))
        return replace(rows, probed=probed, probe=probe)

    def _differentiate(self, slots: Slots, slopes: Floats) -> None:
        """Note the slopes of the velocities that moved these lanes, guided where they are."""
        lanes, divergence = self.lanes, self.lanes.followed.divergence
        assert divergence is not None
        asking = slots[divergence.asks(slots)]
        scale = lanes.guidance[asking].astype(np.float64)
        guided = scale != 1
        slope, null = slopes[: len(asking)].copy(), slopes[len(asking) :]
        slope[guided] = null + scale[guided] * (slope[guided] - null)
        # the stage that has just been evaluated
        lanes.divergence[lanes.stage[asking] - 1, asking] = slope
        lanes.evaluations[asking] += 1 + guided

    def _begin(self, which: Flags, slots: Slots, rate: Floats, spread: Floats) -> None:
        """Note where a step begins and how large it will be, now that its first stage is known."""
        lanes, begun = self.lanes, slots[which]
        if len(begun):
            step = lanes.step[begun]
            lanes.times[begun, step], lanes.rates[begun, step] = lanes.t[begun], rate[which]
            hurry(lanes, begun)
            self.control.begin(lanes, begun, spread[which])
            lanes.foresight.look(begun)
            lanes.keeper.look(begun)

    def _judge(self, slots: Slots, slope: Floats, adaptive: Flags) -> Flags:
        """Whether each step may be kept; a rejected one begins again after its first stage."""
        lanes = self.lanes
        error = np.zeros(len(slots))
        judged = slots[adaptive]
        error[adaptive] = pardon(lanes, judged, slope[adaptive] * lanes.error_scale(judged))
        kept = self.control.judge(lanes, slots, error)
        lanes.stage[slots] = np.where(kept, 0, 1)
        return kept

    def _keep(self, slots: Slots) -> Flags:
        """Make the step; returns which of the lanes leave the flow, at ``t = 1`` or before."""
        lanes = self.lanes
        where, weights = lanes.index(slots), lanes.weights(slots)
        lanes.followed.keep(slots, weights)
        lanes.x[where] = combine(lanes.x, lanes.k, where, weights)
        lanes.map[where] = combine(lanes.map, lanes.variance, where, weights)
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
        _copy_stage(lanes, slots[remember], np.zeros_like(slots[remember]), 1)
        shared: Flags = COEFFICIENTS.fsal[method] & lanes.adaptive(slots) & ~done
        shared &= ~self.edits.steered(slots)
        _copy_stage(lanes, slots[shared], COEFFICIENTS.stages[method[shared]] - 1, 0)
        lanes.stage[slots[shared]] = 1
        return shared

    def _error_squares(self, slots: Slots) -> Tensor:
        """Squares of the scaled error estimates per unit of step size, summed over components."""
        lanes, where = self.lanes, self.lanes.index(slots)
        zero = torch.zeros_like(lanes.x[:1]).expand_as(lanes.x)
        error = combine(zero, lanes.k, where, lanes.error_weights(slots))
        return row_sums((error / (1 + lanes.x[where].abs())).square())


def _copy_stage(lanes: Lanes, slots: Slots, source: Integers, target: int) -> None:
    if len(slots):
        where, origin = to_device(slots, lanes.device), to_device(source, lanes.device)
        for stages in (lanes.k, lanes.variance):
            stages[target, where] = stages[origin, where]
        for numbers in lanes.stage_numbers:
            numbers[target, slots] = numbers[source, slots]
