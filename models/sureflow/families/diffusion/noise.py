"""The noise between the steps of an SDE.

A state is ``y = alpha (E[x1] + ratio E[x0])`` with ``ratio = sigma / alpha``. Ancestral sampling
steps to a smaller ratio than that of the next time and adds noise up to it; in this form it is a
step of the ODE to the next time, after which a part of the expected noise is drawn anew.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose, normal
from sureflow.core.path import LINEAR
from sureflow.families.diffusion.lanes import DiffusionLanes
from sureflow.families.flow.adaptive import Adaptive
from sureflow.families.flow.combine import combine
from sureflow.families.flow.control import ByLane
from sureflow.families.flow.lanes import FlowLanes

MOST = math.sqrt(2) - 1
"""Largest relative growth of the noise before a step (Karras et al., 2022, algorithm 2)."""

BACK = 0.5
"""Largest part of a step that churning takes back, so that a lane goes forward all the same."""


class NoisySteps(ByLane):
    """Step control that draws noise between the steps of the lanes that ask for it.

    Each such lane is computed by itself, with noise of its own seed, index and step.
    """

    def __init__(self) -> None:
        super().__init__(Adaptive())

    def advance(self, lanes: FlowLanes, slots: Slots) -> Flags:
        """Advance the time; where a step follows, draw the noise before it."""
        assert isinstance(lanes, DiffusionLanes)
        noisy = slots[(lanes.eta[slots] > 0) | (lanes.churn[slots] > 0)]
        if not len(noisy):
            return super().advance(lanes, slots)
        made = {slot: (float(lanes.t[slot]), _velocity(lanes, slot)) for slot in noisy.tolist()}
        done = super().advance(lanes, slots)
        for slot in slots[~done].tolist():
            if slot in made:
                before, velocity = made[slot]
                _renew(lanes, slot, before, velocity)
                _churn(lanes, slot, before)
        return done


def _velocity(lanes: DiffusionLanes, slot: int) -> Tensor:
    """Mean velocity ``[*shape]`` of the step just made."""
    alone = np.array([slot])
    weights, window = lanes.last_weights[alone] / lanes.h[slot], lanes.window(alone)
    return combine(torch.zeros_like(window.x), window.velocity, weights)[0]


def _fresh(lanes: DiffusionLanes, slot: int, number: int) -> Tensor:
    spec, step = lanes.specs[slot], 2 * int(lanes.step[slot]) + number
    return normal(lanes.shape, spec.seed, spec.index, Purpose.STEP, step).to(lanes.device)


def _ratio(lanes: DiffusionLanes, t: float) -> float:
    """Noise over signal."""
    a, b = lanes.convention.coupling
    signal = t + (1 - t) * a
    return (1 - t) * b / signal if signal else math.inf


def _renew(lanes: DiffusionLanes, slot: int, before: float, velocity: Tensor) -> None:
    """Draw a part of the expected noise anew, by which its variance does not change.

    The part is ``eta sqrt(1 - (r' / r)^2)`` for a step from ratio ``r`` to ``r'`` (DDIM, equation
    16, in these terms).
    """
    eta, t = float(lanes.eta[slot]), float(lanes.t[slot])
    if not eta:
        return
    _, b = lanes.convention.coupling
    part = eta * math.sqrt(max(1 - (_ratio(lanes, t) / _ratio(lanes, before)) ** 2, 0.0))
    x = lanes.x[slot]
    noise = lanes.noise_in(*LINEAR.ends(x, t, velocity))
    change = (math.sqrt(1 - part**2) - 1) * noise + part * _fresh(lanes, slot, 0)
    lanes.jump(slot, x + (1 - t) * b * change, renewed=True)


def _churn(lanes: DiffusionLanes, slot: int, before: float) -> None:
    """Add noise, which takes the lane back to the time at which there is as much (algorithm 2)."""
    churn, t = float(lanes.churn[slot]), float(lanes.t[slot])
    if not churn:
        return
    a, b = lanes.convention.coupling
    ratio = _ratio(lanes, t)
    steps = int(lanes.steps[slot] - lanes.solver_from[slot])
    wanted = ratio * (1 + min(churn / steps, MOST))
    left = b - wanted * a
    back = max(left / (left + wanted), t - BACK * (t - before))
    more = math.sqrt(max(_ratio(lanes, back) ** 2 - ratio**2, 0.0))
    signal = back + (1 - back) * a
    state = (lanes.x[slot] / (t + (1 - t) * a) + more * _fresh(lanes, slot, 1)) * signal
    lanes.h[slot] += t - back
    lanes.t[slot] = back
    lanes.jump(slot, state)
