"""Where a diffusion model's fixed steps are placed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from sureflow.core.arrays import Floats
from sureflow.families.diffusion.spec import KARRAS, LOGSNR, OWN
from sureflow.networks.foreign.convention import LEAST_STEP, Convention

NOISIEST, CLEANEST = 80.0, 0.002
"""``sigma / alpha`` at the ends of a grid where a path goes on to pure noise, or to pure data."""

RHO = 7.0
"""Karras et al. (2022), equation 5."""


@lru_cache(maxsize=256)
def times(convention: Convention, grid: str, steps: int) -> Floats:
    """Times of a flow ``[steps + 1]`` from exactly 0 to exactly 1, of one of our own grids.

    Raises:
        ValueError: There is no such grid, or so many of its steps are not apart.
    """
    with torch.inference_mode(False):
        if grid == OWN:
            return np.asarray(convention.schedule(steps))
        if grid not in (KARRAS, LOGSNR):
            raise ValueError(f"{grid!r} is unknown")
        path = convention.path
        high, low = (share / max(1 - share, 1e-12) for share in (path.first, path.last))
        if low < CLEANEST < high:
            low = CLEANEST
        if low < NOISIEST < high:
            high = NOISIEST
        ramp = np.linspace(0, 1, steps)
        if grid == KARRAS:
            ratio = (high ** (1 / RHO) + ramp * (low ** (1 / RHO) - high ** (1 / RHO))) ** RHO
        else:
            ratio = high ** (1 - ramp) * low**ramp
        found = np.asarray(convention.clock(torch.from_numpy(ratio / (1 + ratio))))
    found[0] = 0
    found = np.append(found, 1.0)
    if not (np.diff(found) > LEAST_STEP).all():
        raise ValueError(f"{steps} steps of the grid {grid} are not apart")
    return found
