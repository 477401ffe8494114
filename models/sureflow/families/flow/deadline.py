"""FlowLanes that are late: they widen their tolerance until they can arrive in time.

The one place where the clock has a say in a sample's bytes, and only for requests that name a
deadline together with a tolerance. Fixed grids stay as they are.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats, Slots
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.tableau import COEFFICIENTS

WIDEST = 1.0
"""No tolerance is widened beyond this; a lane that would have to has missed its deadline."""

MARGIN = 0.8
"""Share of the time left that a lane plans with: ticks differ, and some steps are rejected."""


def relax_tolerance(lanes: FlowLanes, slots: Slots) -> None:
    """Let late adaptive lanes, all about to begin a step, take longer ones.

    Until its deadline a lane has time for so many evaluations, and needs steps of a certain size
    to arrive with them. If its own are shorter, its tolerance is multiplied by what such steps
    cost in error: the ratio of the sizes to the power of the method's error estimate.
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
    """Widen the tolerance of lanes that have no time to try their step again, and so keep it.

    ``error [n]`` of the step is in units of the tolerance; returns it in those of the new one.
    """
    tolerance = lanes.tolerance[slots]
    again = lanes.h[slots] * np.maximum(error, 1) ** (-1 / COEFFICIENTS.power[lanes.method[slots]])
    late = (error > 1) & (_needed_size(lanes, slots) > again)
    lanes.tolerance[slots] = np.where(late, np.minimum(tolerance * error, WIDEST), tolerance)
    rest: Floats = error * tolerance / lanes.tolerance[slots]
    return rest


def _needed_size(lanes: FlowLanes, slots: Slots) -> Floats:
    """Size of the steps with which each lane arrives in time; 0 where there is no deadline."""
    each = COEFFICIENTS.plain_stages[lanes.method[slots]]
    each = np.where(lanes.extrapolating(slots), 1, each)
    evaluations = MARGIN * (lanes.deadline[slots] - lanes.now) / lanes.tick_s
    size: Floats = (1 - lanes.t[slots]) / np.maximum(np.floor(evaluations / each), 1)
    return size
