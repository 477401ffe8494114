"""Which of its points a lane gives as its sample."""

from __future__ import annotations

import numpy as np

from sureflow.core.draw import Purpose, generator
from sureflow.families.annealed.lanes import AnnealedLanes
from sureflow.families.annealed.spec import ANNEALING, LANGEVIN

LAST = 2**31
"""Number of the draw that chooses, beyond those of all moves."""


def chosen(lanes: AnnealedLanes, slot: int) -> int:
    """The coldest replica, the first chain, or a particle, drawn by its weight.

    A particle that is drawn so, with the mean of the weights, is weighed rightly: the mean of
    ``weight * f(sample)`` over lanes is that over all particles.
    """
    spec, rows = lanes.specs[slot], int(lanes.rows[slot])
    if spec.method == LANGEVIN:
        return 0
    if spec.method != ANNEALING or not lanes.begun[slot]:
        return rows - 1
    weights = lanes.log_weight[slot, :rows]
    top = weights.max()
    if not np.isfinite(top):
        return 0
    shares = np.cumsum(np.exp(weights - top))
    drawn = generator(spec.seed, spec.index, Purpose.STEP, LAST).random()
    return min(int(np.searchsorted(shares, drawn * shares[-1], "right")), rows - 1)
