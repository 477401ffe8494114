"""What a lane comes to: its sample, its weight, and what the run says of it."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats
from sureflow.core.process import Outcome
from sureflow.families.annealed.chosen import chosen
from sureflow.families.annealed.lanes import AnnealedLanes
from sureflow.families.annealed.roaming import split_r_hat
from sureflow.families.annealed.spec import ANNEALING, LANGEVIN, TRANSPORT, AnnealedSpec
from sureflow.families.annealed.summary import (
    CHAIN_MEAN,
    CHAIN_VARIANCE,
    LOG_WEIGHT,
    LOG_Z,
    log_mean,
)


def outcome(lanes: AnnealedLanes, slot: int) -> Outcome:
    """The result of a lane in its present state."""
    spec, step = lanes.specs[slot], int(lanes.step[slot])
    point = chosen(lanes, slot)
    weight, log_z = _weights(lanes, slot, spec)
    seen = lanes.seen[slot]
    evidence = {
        "log_z": log_z,
        "r_hat": split_r_hat(lanes, slot, spec.replicas),
        "swap_rejection": _worst_swap(lanes, slot, spec),
        "energy": -float(lanes.target[slot, point]),
    }
    place, taken = np.array([slot]), max(step, 1)
    return Outcome(
        data=lanes.data(lanes.z[slot, point]).astype(np.float32),
        fields={
            LOG_WEIGHT: np.array(weight),
            LOG_Z: np.array(log_z),
            CHAIN_MEAN: lanes.center[slot].copy(),
            CHAIN_VARIANCE: lanes.spread[slot] / max(seen - 1, 1) if seen else _unknown(lanes),
        },
        t=lanes.times[slot, :taken].copy(),
        rate=lanes.rates[slot, :taken].copy(),
        finish_reason="halted" if lanes.halted[slot] else "converged",
        accepted=step,
        rejected=0,
        evaluations=int(lanes.evaluations[slot]),
        scores={
            name: float(lanes.scoring.values(name, place, lambda n: np.array([evidence[n]]))[0])
            for name in spec.scores
        },
        frames=lanes.recorder.frames(slot),
        views=lanes.recorder.views(slot),
    )


def _weights(lanes: AnnealedLanes, slot: int, spec: AnnealedSpec) -> tuple[float, float]:
    """Log weight of the sample, and the log of the lane's own estimate of the constant."""
    particles: Floats = lanes.log_weight[slot, : spec.replicas]
    if spec.method == ANNEALING:
        found = log_mean(particles)
        return found, found
    weight = float(lanes.log_weight[slot, 0]) if spec.method == TRANSPORT else 0.0
    if spec.method == LANGEVIN or not lanes.seen[slot]:
        return weight, float("nan")
    stones = lanes.mass[slot, : spec.replicas - 1] - np.log(lanes.seen[slot])
    return weight, float(stones.sum())


def _worst_swap(lanes: AnnealedLanes, slot: int, spec: AnnealedSpec) -> float:
    tried = lanes.swaps[slot, : spec.replicas - 1]
    if not len(tried) or not tried.all():
        return float("nan")
    return float((lanes.refused[slot, : spec.replicas - 1] / tried).max())


def _unknown(lanes: AnnealedLanes) -> Floats:
    return np.full(lanes.law.mean.size, np.nan)
