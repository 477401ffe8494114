"""Annealed importance sampling: particles that come down the ladder, with weights.

Source: Neal, Annealed importance sampling (2001). The schedule and the step sizes come from the
warm-up, whose draws are others, so that given these the mean weight is the constant exactly.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats, Slots
from sureflow.core.draw import Purpose
from sureflow.families.annealed import ladder
from sureflow.families.annealed.draws import normal
from sureflow.families.annealed.moves import Judged
from sureflow.families.annealed.process import PointsProcess
from sureflow.families.annealed.reference import tempered

BEGINNING = 1
"""Number of the draw from the reference with which an annealing begins; 0 is that of the ladder."""


class Annealing(PointsProcess):
    """Moves all particles of a lane at one temperature, which falls with every move."""

    def start(self, slot: int, number: int = BEGINNING, step: int | None = None) -> None:
        """Draw the particles of a lane from the reference, to come down from there."""
        lanes, rows = self.lanes, int(self.lanes.rows[slot])
        spec, law = lanes.specs[slot], lanes.law
        purpose = Purpose.START if step is None else Purpose.RESAMPLE
        fresh = normal(spec, purpose, number, (rows, law.mean.size))
        free = lanes.free[slot] == 1
        lanes.z[slot, :rows] = np.where(free, law.mean + law.scale * fresh, lanes.held[slot])
        lanes.known[slot], lanes.leap[slot], lanes.level[slot] = False, 0, 0.0
        lanes.log_weight[slot] = 0
        lanes.anchor[slot] = spec.warmup if step is None else step
        lanes.depth[slot] = 0.0
        lanes.begun[slot] = True

    def levels(self, slots: Slots, rows: int) -> tuple[Floats, Floats]:
        """The temperature that the present move leads to, and its step size, for all particles."""
        beta, size = np.empty((2, len(slots), rows))
        for row, slot in enumerate(slots.tolist()):
            beta[row], size[row] = self._level(slot, rows)
        return beta, size

    def moved(self, slots: Slots, rows: int, judged: Judged) -> None:
        """Weigh the particles by the fall of the temperature, where they were; then move them."""
        lanes, part = self.lanes, np.s_[slots, :rows]
        beta = lanes.at_beta[part]
        reference = lanes.law.log_density(lanes.z[part], lanes.free[slots])
        now = lanes.level[slots][:, None]
        after = tempered(beta, reference, lanes.target[part])
        lanes.log_weight[part] += after - tempered(now, reference, lanes.target[part])
        lanes.z[part], lanes.target[part] = judged.z, judged.target
        lanes.gradient[part] = judged.gradient
        lanes.level[slots] = beta[:, 0]

    def changed(self, slots: Slots, rows: int, target: Floats) -> None:
        """Weigh by another target at the same points; at the beginning that is the reference."""
        lanes, part = self.lanes, np.s_[slots, :rows]
        now = lanes.level[slots][:, None]
        reference = lanes.law.log_density(lanes.z[part], lanes.free[slots])
        before = tempered(now, reference, lanes.target[part])
        lanes.log_weight[part] += tempered(now, reference, target) - before

    def retemper(self, slot: int, strength: float) -> None:
        """Go back to a hotter temperature, with the weight of that, and come down from there."""
        lanes, rows = self.lanes, int(self.lanes.rows[slot])
        place = self._place(slot, int(lanes.step[slot])) * (1 - strength)
        beta = ladder.at(place, lanes.beta[slot, :rows])
        reference = lanes.law.log_density(lanes.z[slot, :rows][None], lanes.free[slot][None])[0]
        target = lanes.target[slot, :rows]
        before = tempered(lanes.level[slot], reference, target)
        lanes.log_weight[slot, :rows] += tempered(np.array(beta), reference, target) - before
        lanes.anchor[slot], lanes.depth[slot], lanes.level[slot] = lanes.step[slot], place, beta

    def _place(self, slot: int, step: int) -> float:
        """Place on the ladder before a step, from 0, the hottest, to 1."""
        lanes = self.lanes
        left = lanes.specs[slot].moves - int(lanes.anchor[slot])
        gone, depth = step - int(lanes.anchor[slot]), float(lanes.depth[slot])
        return depth + (1 - depth) * gone / max(left, 1)

    def _level(self, slot: int, rows: int) -> tuple[float, float]:
        lanes = self.lanes
        rungs, sizes = lanes.beta[slot, :rows], lanes.size[slot, :rows].copy()
        sizes[0] = sizes[min(1, rows - 1)]
        place = self._place(slot, int(lanes.step[slot]) + 1)
        beta = 1.0 if place >= 1 else ladder.at(place, rungs)
        return beta, float(ladder.sizes_at(np.array([beta]), rungs, sizes)[0])
