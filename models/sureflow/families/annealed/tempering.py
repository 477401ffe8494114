"""Parallel tempering: replicas at all temperatures of a ladder, which swap with their neighbours.

Sources: Syed et al. (2022) for the order of the swaps, the tuning and the barrier; Geyer (1991);
the ratios of neighbours' densities are the stepping stones of Xie et al. (2011).
"""

from __future__ import annotations

import math

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.families.annealed import ladder, roaming
from sureflow.families.annealed.moves import Judged
from sureflow.families.annealed.process import PointsProcess

ACCEPT_LANGEVIN, ACCEPT_HAMILTONIAN = 0.574, 0.65
"""Shares of accepted moves that step sizes are tuned to (Roberts and Rosenthal, 1998; Beskos et
al., 2013)."""

ROUNDS = (1 / 8, 1 / 4, 1 / 2, 3 / 4)
"""Shares of the tuning after which the ladder is set anew."""

SLOWING = 0.6
"""Power of the number of the move with which changes of the step sizes shrink."""


class Tempering(PointsProcess):
    """Moves every replica at its temperature, then swaps neighbours, even and odd pairs in turn."""

    def levels(self, slots: Slots, rows: int) -> tuple[Floats, Floats]:
        """The ladder and its step sizes."""
        return self.lanes.beta[slots, :rows], self.lanes.size[slots, :rows]

    def moved(self, slots: Slots, rows: int, judged: Judged) -> None:
        """Store the points, tune or take averages, and swap."""
        lanes, part = self.lanes, np.s_[slots, :rows]
        lanes.z[part], lanes.target[part] = judged.z, judged.target
        lanes.gradient[part] = judged.gradient
        refused = self._swap(slots, rows)
        steps = lanes.step[slots]
        tuned = np.array([lanes.specs[slot].tuned_at for slot in slots.tolist()])
        measuring = steps >= tuned
        self._count(slots, rows, refused)
        self._resize(slots[~measuring], rows, judged.taken[~measuring])
        for slot in slots[~measuring].tolist():
            self._retune(slot, rows)
        if measuring.any():
            self._measure(slots[measuring], rows)

    def _excess(self, slots: Slots, rows: int) -> Floats:
        """Log density of the target less that of the reference at the points, ``[n, R]``."""
        lanes, part = self.lanes, np.s_[slots, :rows]
        reference = lanes.law.log_density(lanes.z[part], lanes.free[slots])
        return np.asarray(lanes.target[part] - reference)

    def _swap(self, slots: Slots, rows: int) -> Floats:
        """Swap neighbours; returns the probability that each was refused, NaN if not tried."""
        lanes, part = self.lanes, np.s_[slots, :rows]
        refused = np.full((len(slots), rows), np.nan)
        if rows < 2:
            return refused
        beta, excess = lanes.beta[part], self._excess(slots, rows)
        with np.errstate(invalid="ignore"):
            gain = (beta[:, 1:] - beta[:, :-1]) * (excess[:, :-1] - excess[:, 1:])
        gain = np.where(np.isnan(gain), 0.0, gain)
        turn = (np.arange(rows - 1) % 2) == (lanes.step[slots] % 2)[:, None]
        alike = beta[:, 1:] == beta[:, :-1]
        refused[:, :-1] = np.where(turn & ~alike, 1 - np.exp(np.minimum(gain, 0.0)), np.nan)
        swap = turn & ~alike & (gain >= -lanes.swap[part][:, :-1])
        order = np.tile(np.arange(rows), (len(slots), 1))
        order[:, :-1] += swap
        order[:, 1:] -= swap
        for array in (lanes.z, lanes.gradient):
            array[part] = np.take_along_axis(array[part], order[..., None], 1)
        for numbers in (lanes.target, lanes.walker):
            numbers[part] = np.take_along_axis(numbers[part], order, 1)
        return refused

    def _count(self, slots: Slots, rows: int, refused: Floats) -> None:
        tried = np.isfinite(refused)
        self.lanes.swaps[slots, :rows] += tried
        self.lanes.refused[slots, :rows] += np.where(tried, refused, 0.0)

    def _resize(self, slots: Slots, rows: int, taken: Flags) -> None:
        """Bring the share of accepted moves nearer to the best one (Robbins and Monro, 1951)."""
        lanes = self.lanes
        for slot, accepted in zip(slots.tolist(), taken, strict=True):
            langevin = lanes.specs[slot].leapfrog == 1
            best = ACCEPT_LANGEVIN if langevin else ACCEPT_HAMILTONIAN
            pace = float(lanes.step[slot] + 1) ** -SLOWING
            up, down = math.exp(pace * (1 - best)), math.exp(-pace * best)
            lanes.size[slot, :rows] *= np.where(accepted, up, down)

    def _retune(self, slot: int, rows: int) -> None:
        """Set the ladder anew after a round of tuning, and count from there."""
        lanes, spec = self.lanes, self.lanes.specs[slot]
        following = int(lanes.step[slot]) + 1
        rounds = {max(int(share * spec.tuned_at), 1) for share in ROUNDS}
        if following in rounds and lanes.beta[slot, 0] == 0 and rows > 2:
            tried = np.maximum(lanes.swaps[slot, : rows - 1], 1)
            beta, size = lanes.beta[slot, :rows].copy(), lanes.size[slot, :rows].copy()
            size[0] = size[1]  # of no meaning, as the hottest replica is drawn anew
            lanes.beta[slot, :rows] = ladder.retuned(beta, lanes.refused[slot, : rows - 1] / tried)
            lanes.size[slot, :rows] = ladder.sizes_at(lanes.beta[slot, :rows], beta, size)
        if following in rounds or following == spec.tuned_at:
            lanes.swaps[slot], lanes.refused[slot] = 0, 0

    def _measure(self, slots: Slots, rows: int) -> None:
        """Take averages for the normalising constant and of where the walkers have been."""
        lanes, part = self.lanes, np.s_[slots, :rows]
        beta, excess = lanes.beta[part], self._excess(slots, rows)
        ratio = (beta[:, 1:] - beta[:, :-1]) * excess[:, :-1]
        lanes.mass[slots, : rows - 1] = np.logaddexp(lanes.mass[slots, : rows - 1], ratio)
        lanes.seen[slots] += 1
        cold, seen = lanes.z[slots, rows - 1], lanes.seen[slots][:, None]
        off = cold - lanes.center[slots]
        lanes.center[slots] += off / seen
        lanes.spread[slots] += off * (cold - lanes.center[slots])
        roaming.add(lanes, slots, rows)
