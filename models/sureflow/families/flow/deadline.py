"""Deadlines: late lanes widen their tolerance so that they finish in time.

Only here do the bytes of a sample depend on the clock, and only for requests that have both a
deadline and a tolerance. Lanes on a fixed grid are not changed.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats, Slots
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.tableau import COEFFICIENTS

WIDEST = 1.0
"""Largest tolerance that a lane widens to. A lane that would need more misses its deadline."""

MARGIN = 0.8
"""Share of the remaining time that a lane plans with: ticks vary, and some steps are rejected."""


def relax_tolerance(lanes: FlowLanes, slots: Slots) -> None:
    """Widen the tolerance of late adaptive lanes, all about to begin a step.

    The time until the deadline allows a number of evaluations, which need steps of a certain size
    to reach ``t = 1``. If a lane's own steps are shorter, its tolerance is multiplied by the ratio
    of the sizes to the power with which the method's error estimate grows.
    """
    slots = slots[lanes.adaptive(slots) & (lanes.deadline[slots] < np.inf)]
    if not len(slots):
        return
    needed, tolerance = _needed_size(lanes, slots), lanes.tolerance[slots]
    usual = np.minimum(lanes.proposal[slots], lanes.longest[slots])
    late = (needed > usual) & (tolerance < WIDEST)
    slots, needed, usual, tolerance = slots[late], needed[late], usual[late], tolerance[late]
    ratio = (needed / usual) ** COEFFICIENTS.power[lanes.method[slots]]
    lanes.tolerance[slots] = np.minimum(tolerance * ratio, WIDEST)
    lanes.last_error[slots] *= tolerance / lanes.tolerance[slots]
    lanes.proposal[slots] = needed
    lanes.longest[slots] = np.maximum(lanes.longest[slots], needed)


def accept_late_step(lanes: FlowLanes, slots: Slots, error: Floats) -> Floats:
    """Widen the tolerance of lanes that have no time to try their step again, so that they keep it.

    ``error [n]`` of the step is in units of the tolerance. Returns it in units of the new one.
    """
    tolerance = lanes.tolerance[slots]
    again = lanes.h[slots] * np.maximum(error, 1) ** (-1 / COEFFICIENTS.power[lanes.method[slots]])
    late = (error > 1) & (_needed_size(lanes, slots) > again)
    lanes.tolerance[slots] = np.where(late, np.minimum(tolerance * error, WIDEST), tolerance)
    rest: Floats = error * tolerance / lanes.tolerance[slots]
    return rest


def _needed_size(lanes: FlowLanes, slots: Slots) -> Floats:
    """Size of the steps with which each lane finishes in time; 0 without a deadline."""
    each = COEFFICIENTS.plain_stages[lanes.method[slots]]
    each = np.where(lanes.in_multistep(slots), 1, each)
    evaluations = MARGIN * (lanes.deadline[slots] - lanes.now) / lanes.tick_s
    size: Floats = (1 - lanes.t[slots]) / np.maximum(np.floor(evaluations / each), 1)
    return size
