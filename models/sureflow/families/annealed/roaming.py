"""Where the walkers of a lane have been, and whether all have been everywhere: split R-hat.

A walker is a point that moves and is swapped. In a lane that mixes all walkers see the same, so
that their means agree; in one whose ladder is broken some stay hot and others stay in a mode.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats, Slots
from sureflow.families.annealed.lanes import AnnealedLanes

LEAST = 4
"""Moves in either half below which nothing is said."""


def add(lanes: AnnealedLanes, slots: Slots, rows: int) -> None:
    """Add where all walkers are now: their coordinates, and their place on the ladder."""
    part = np.s_[slots, :rows]
    place = np.argsort(lanes.walker[part], 1)
    at = np.take_along_axis(lanes.z[part], place[..., None], 1)
    rung = np.where(lanes.beta[slots, :1] == 0, place, 0)[..., None]
    values = np.concatenate([at, rung], 2)
    specs = [lanes.specs[slot] for slot in slots.tolist()]
    middle = np.array(
        [(spec.tuned_at + _end(spec.warmup, spec.moves, spec.method)) // 2 for spec in specs]
    )
    half = (lanes.step[slots] >= middle).astype(int)
    lanes.roam[slots, half] += 1
    for slot, side, seen in zip(slots.tolist(), half.tolist(), values, strict=True):
        mean = lanes.roam_mean[slot, :rows, side]
        off = seen - mean
        mean += off / lanes.roam[slot, side]
        lanes.roam_square[slot, :rows, side] += off * (seen - mean)


def _end(warmup: int, moves: int, method: str) -> int:
    return warmup if method == "cds" else moves


def split_r_hat(lanes: AnnealedLanes, slot: int, rows: int) -> float:
    """The largest split R-hat of a lane over coordinates and places; 1 if all walkers agree.

    NaN where there were too few moves. Source: Gelman et al., Bayesian Data Analysis (2013), 11.4.
    """
    count = lanes.roam[slot].min()
    if count < LEAST:
        return float("nan")
    size = lanes.law.mean.size
    mean = lanes.roam_mean[slot, :rows].reshape(-1, size + 1)
    square = lanes.roam_square[slot, :rows].reshape(-1, size + 1)
    within = (square / np.tile(lanes.roam[slot] - 1, rows)[:, None]).mean(0)
    return _r_hat(within, mean.var(0, ddof=1), float(count), lanes.free[slot])


def _r_hat(within: Floats, between: Floats, count: float, free: Floats) -> float:
    total = (count - 1) / count * within + between
    asked = np.append(free > 0, True) & (total > 0)
    if not asked.any():
        return 1.0
    with np.errstate(divide="ignore"):
        return float(np.sqrt(total[asked] / within[asked]).max())
