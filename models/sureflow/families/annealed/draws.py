"""What is drawn for a lane: a function of seed, index, purpose and number of the draw alone."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats, Slots
from sureflow.core.draw import Purpose, generator
from sureflow.core.lane import LaneSpec
from sureflow.families.annealed.lanes import AnnealedLanes


def draw_move(lanes: AnnealedLanes, slots: Slots, rows: int) -> None:
    """Draw the numbers for the next move of lanes: normal, and minus the logs of uniform ones."""
    for slot in slots.tolist():
        spec = lanes.specs[slot]
        source = generator(spec.seed, spec.index, Purpose.STEP, int(lanes.step[slot]))
        lanes.fresh[slot, :rows] = source.standard_normal((rows, lanes.law.mean.size))
        lanes.accept[slot, :rows], lanes.swap[slot, :rows] = source.standard_exponential((2, rows))


def normal(spec: LaneSpec, purpose: Purpose, number: int, shape: tuple[int, ...]) -> Floats:
    """Standard normal numbers for another purpose than a move."""
    return np.asarray(generator(spec.seed, spec.index, purpose, number).standard_normal(shape))
