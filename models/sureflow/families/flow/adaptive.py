"""Adaptive step control: a PI controller on the error, and a cap where the flow is undecided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.tableau import COEFFICIENTS

SHORTEST = 1e-4
"""Steps of this size are kept whatever their error: below it rounding is all that is left."""

TRUSTED = 0.5
"""Error, in units of the tolerance, below which a last step is foretold rather than estimated."""

SAME = 1 - 1e-9
"""Step sizes that agree to this are one size; what lies between them is rounding."""


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Chooses the steps of every lane by its own error and its own uncertainty.

    After a step, with ``p`` the power of ``h`` with which the error estimate falls,
    ``h <- h * safety * error^(-integral / p) * last_error^(proportional / p)``, within limits
    (Gustafsson 1991). A step whose error exceeds the tolerance is tried again, with its first
    stage kept.

    Before a step, ``h <= theta tolerance^(1/p) / min(rest + spread, 20 spread)``, where ``spread``
    is the mean variance of the velocity per component, in units of the unit variance of the noise:
    a flow without variance has no cap. Where a flow divides between modes, the local error is
    small and is amplified afterwards; an estimate of the error strides over these places, and the
    variance is what shows them. For multistep methods the variance is multiplied by ``1/2 + t``
    (and ``theta``, ``rest`` are others): a lane that is still undecided late is the one that a
    coarse step may send to the wrong side. The more is taken for granted, the fewer evaluations an
    error level needs, since long steps where the variance is low cost accuracy there; the less, the
    fewer samples end in a wrong mode.

    Attributes:
        safety: Share of the largest step that the error would allow.
        integral: Weight of the present error.
        proportional: Weight of the error before.
        shrink: Least factor between two steps.
        grow: Largest factor between two steps; that of multistep methods is 1.4, which keeps them
            stable and the weights of every variance positive.
        theta: Size of the cap for one-step methods; infinity for none.
        rest: Variance that is taken for granted for them.
        multistep_theta: The same for multistep methods.
        multistep_rest: Likewise.
    """

    safety: float = 0.9
    integral: float = 0.7
    proportional: float = 0.4
    shrink: float = 0.2
    grow: float = 3.0
    theta: float = 1.8
    rest: float = 0.7
    multistep_theta: float = 2.7
    multistep_rest: float = 3.0

    def begin(self, lanes: FlowLanes, slots: Slots, spread: Floats) -> None:
        """Take the size that the last error suggests, under the cap.

        Where the last stage of a step serves the estimate and the next step, it would serve the
        estimate alone in a lane's last step. It is left out if, by the error of the step before,
        the tolerance is far away.
        """
        _set_size(lanes, slots, np.minimum(lanes.proposal[slots], self._cap(lanes, slots, spread)))
        later = slots[COEFFICIENTS.fsal[lanes.method[slots]] & lanes.remembering(slots)]
        h, power = lanes.h[later], COEFFICIENTS.power[lanes.method[later]]
        foretold = lanes.last_error[later] * (h / lanes.last_h[later]) ** power
        lanes.trusted[later] = (h >= 1 - lanes.t[later]) & (foretold <= TRUSTED)

    def _cap(self, lanes: FlowLanes, slots: Slots, spread: Floats) -> Floats:
        """The longest step that the variance allows."""
        method = lanes.method[slots]
        power, multistep = COEFFICIENTS.power[method], COEFFICIENTS.multistep[method]
        theta = np.where(multistep, self.multistep_theta, self.theta)
        late = self.multistep_rest + (0.5 + lanes.t[slots]) * spread
        undecided = np.minimum(np.where(multistep, late, self.rest + spread), 20 * spread)
        cap: Floats = theta * lanes.tolerance[slots] ** (1 / power) / np.maximum(undecided, 1e-9)
        return cap

    def judge(self, lanes: FlowLanes, slots: Slots, error: Floats) -> Flags:
        """Keep steps within the tolerance, the shortest ones, and the last one allowed.

        A multistep lane knows the error of any size without another evaluation, so that its step
        is shortened rather than rejected.
        """
        power = COEFFICIENTS.power[lanes.method[slots]]
        last = _is_last_try(lanes, slots)
        lanes.forced[slots] |= last & (error > 1)

        shorten = lanes.extrapolating(slots) & (error > 1) & ~last
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

    def proceed(self, lanes: FlowLanes, slots: Slots) -> Flags:
        """Move on by the step; a lane that has reached ``t = 1`` is there exactly."""
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

    What is left before ``t = 1`` is divided evenly rather than leaving a sliver for the last step.
    """
    left = 1 - lanes.t[slots]
    last = _is_last_try(lanes, slots)
    h = np.maximum(np.minimum(wanted, lanes.longest[slots]), SHORTEST)
    reaches = h >= left * SAME
    lanes.forced[slots] = last & ~reaches
    lanes.h[slots] = np.where(last | reaches, left, np.where(2 * h > left, left / 2, h))
