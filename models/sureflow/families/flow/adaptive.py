"""Adaptive step control: a PI controller on the error, and a cap by the variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.families.flow.control import StepControl
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.tableau import COEFFICIENTS

SHORTEST = 1e-4
"""Steps of this size are accepted whatever their error: below it, rounding dominates."""

UNCHECKED = 0.5
"""If the predicted error of a last step is below this many tolerances, it is not estimated."""

SAME = 1 - 1e-9
"""Step sizes whose ratio is above this count as equal; they differ by rounding."""


@dataclass(frozen=True, slots=True)
class Adaptive(StepControl):
    """Chooses the steps of every lane by its own error and its own variance.

    After a step, with ``p`` the power of ``h`` with which the error estimate falls,
    ``h <- h * safety * error^(-integral / p) * last_error^(proportional / p)``, within limits
    (Gustafsson 1991). A step whose error exceeds the tolerance is tried again with a smaller size;
    its first stage is reused.

    Before a step, ``h <= theta tolerance^(1/p) / min(assumed + s, 20 s)``, where ``s`` is the mean
    variance of the velocity per component, in units of the unit variance of the noise. A flow
    without variance has no cap. Where a flow divides between modes, the local error is small but
    grows afterwards, so that an error estimate does not notice these places; the variance does.
    For multistep methods ``s`` is multiplied by ``1/2 + t``, with another ``theta`` and another
    ``assumed``, since a coarse step is most likely to send a lane to the wrong mode if the lane is
    still undecided late. A larger ``assumed`` needs fewer evaluations for the same error, because
    it forbids long steps where the variance is low; a smaller one sends fewer samples to a wrong
    mode.

    Attributes:
        safety: Step size as a share of the largest one that the error would allow.
        integral: Weight of the present error.
        proportional: Weight of the previous error.
        shrink: Least factor between two steps.
        grow: Largest factor between two steps. For multistep methods it is at most 1.4, which
            keeps them stable and the weights of every variance positive.
        theta: Size of the cap for one-step methods; infinity for none.
        assumed: Variance added to the measured one in the cap of one-step methods.
        multistep_theta: ``theta`` of multistep methods.
        multistep_assumed: ``assumed`` of multistep methods.
    """

    safety: float = 0.9
    integral: float = 0.7
    proportional: float = 0.4
    shrink: float = 0.2
    grow: float = 3.0
    theta: float = 1.8
    assumed: float = 0.7
    multistep_theta: float = 2.7
    multistep_assumed: float = 3.0

    def begin(self, lanes: FlowLanes, slots: Slots, mean_variance: Floats) -> None:
        """Set the size that the last error suggests, but not above the cap.

        The last stage of a first-same-as-last method serves the error estimate and the next step.
        In a lane's last step it would serve the estimate alone, so it is omitted if the previous
        error predicts one far below the tolerance.
        """
        cap = self._cap(lanes, slots, mean_variance)
        _set_size(lanes, slots, np.minimum(lanes.proposal[slots], cap))
        later = slots[COEFFICIENTS.fsal[lanes.method[slots]] & lanes.has_history(slots)]
        h, power = lanes.h[later], COEFFICIENTS.power[lanes.method[later]]
        predicted = lanes.last_error[later] * (h / lanes.last_h[later]) ** power
        lanes.unchecked[later] = (h >= 1 - lanes.t[later]) & (predicted <= UNCHECKED)

    def _cap(self, lanes: FlowLanes, slots: Slots, mean_variance: Floats) -> Floats:
        """The longest step that the variance allows."""
        method = lanes.method[slots]
        power, multistep = COEFFICIENTS.power[method], COEFFICIENTS.multistep[method]
        theta = np.where(multistep, self.multistep_theta, self.theta)
        late = self.multistep_assumed + (0.5 + lanes.t[slots]) * mean_variance
        assumed = np.where(multistep, late, self.assumed + mean_variance)
        variance = np.maximum(np.minimum(assumed, 20 * mean_variance), 1e-9)
        cap: Floats = theta * lanes.tolerance[slots] ** (1 / power) / variance
        return cap

    def accept(self, lanes: FlowLanes, slots: Slots, error: Floats) -> Flags:
        """Accept steps within the tolerance, the shortest ones, and the last one allowed.

        The error of a multistep lane is known for any size without another evaluation, so its step
        is shortened rather than rejected.
        """
        power = COEFFICIENTS.power[lanes.method[slots]]
        last = _is_last_try(lanes, slots)
        lanes.forced[slots] |= last & (error > 1)

        shorten = lanes.in_multistep(slots) & (error > 1) & ~last
        if shorten.any():
            h, part = lanes.h[slots], slots[shorten]
            shorter = error[shorten] ** (-1 / power[shorten])
            _set_size(lanes, part, self.safety * h[shorten] * shorter)
            error = error * (lanes.h[slots] / h) ** power

        error = np.maximum(error, 1e-6)
        kept: Flags = (error <= 1) | (lanes.h[slots] <= SHORTEST) | last | shorten
        present = np.where(kept, self.integral, 1) / power
        before = np.where(kept, self.proportional, 0) / power
        factor = self.safety * error**-present * lanes.last_error[slots] ** before
        most = np.where(COEFFICIENTS.multistep[lanes.method[slots]], min(1.4, self.grow), self.grow)
        most = np.where(kept & ~lanes.retrying[slots], most, np.where(kept, 1, self.safety))
        lanes.proposal[slots] = lanes.h[slots] * np.clip(factor, self.shrink, most)
        lanes.last_error[slots[kept]] = error[kept]
        lanes.retrying[slots] = ~kept
        again = slots[~kept]
        lanes.rejected[again] += 1
        _set_size(lanes, again, lanes.proposal[again])
        return kept

    def advance(self, lanes: FlowLanes, slots: Slots) -> Flags:
        """Advance by the step; a lane that reaches ``t = 1`` reaches it exactly."""
        t, h = lanes.t[slots], lanes.h[slots]
        done: Flags = h >= 1 - t
        lanes.t[slots] = np.where(done, 1, t + h)
        return done


def _is_last_try(lanes: FlowLanes, slots: Slots) -> Flags:
    tries = lanes.step[slots] + lanes.rejected[slots]
    last: Flags = tries + 1 >= lanes.max_steps[slots]
    return last


def _set_size(lanes: FlowLanes, slots: Slots, wanted: Floats) -> None:
    """Set ``h`` as wanted, within the lane's limits and never beyond ``t = 1``.

    If fewer than two steps of this size are left before ``t = 1``, the rest is divided evenly, so
    that the last step is not tiny.
    """
    left = 1 - lanes.t[slots]
    last = _is_last_try(lanes, slots)
    h = np.maximum(np.minimum(wanted, lanes.longest[slots]), SHORTEST)
    reaches = h >= left * SAME
    lanes.forced[slots] = last & ~reaches
    lanes.h[slots] = np.where(last | reaches, left, np.where(2 * h > left, left / 2, h))
