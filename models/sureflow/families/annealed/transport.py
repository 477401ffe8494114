"""Conditional diffusion sampling: a diffusion carries a point from near a random one to the target.

For a point ``o`` of the reference the law of ``y = (1 - t) o + t x``, with ``x`` of the target, has
at every ``t`` a density known up to the same constant, and the diffusion ``dy = [(y - o) / t +
sigma^2 / 2 grad log p_t(y)] dt + sigma dW`` carries it on. Parallel tempering gives the law at the
first time. Source: Conditional diffusion sampling, arXiv 2605.04013; the weights, ratios of the
densities of the path there and back, are those of Jarzynski (1997). Their mean is 1 where the
beginning is exact.

As ``x = o + (y - o) / t`` follows ``dx = sigma^2 / (2 t^2) grad log p(x) dt + sigma / t dW``, this
is Langevin dynamics of the target with a clock of its own: it takes ever smaller steps.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats, Slots
from sureflow.core.draw import Purpose
from sureflow.families.annealed.draws import draw_move, normal
from sureflow.families.annealed.moves import Judged
from sureflow.families.annealed.process import PointsProcess

BEGINNING = 2
"""Number of the draw of the point near which a transport begins."""


class Transport(PointsProcess):
    """Euler-Maruyama steps at times in geometric progression, a point per lane."""

    def start(self, slot: int) -> None:
        """Go on with the coldest replica of a lane, alone."""
        lanes, cold = self.lanes, int(self.lanes.rows[slot]) - 1
        law, spec = lanes.law, lanes.specs[slot]
        drawn = normal(spec, Purpose.START, BEGINNING, (law.mean.size,))
        lanes.origin[slot] = law.mean + law.scale * drawn
        for array in (lanes.z, lanes.target, lanes.gradient, lanes.size):
            array[slot, 0] = array[slot, cold]
        lanes.rows[slot], lanes.log_weight[slot] = 1, 0
        lanes.begun[slot] = True

    def levels(self, slots: Slots, rows: int) -> tuple[Floats, Floats]:
        """Not asked for: every step is of the target itself."""
        raise NotImplementedError

    def moved(self, slots: Slots, rows: int, judged: Judged) -> None:
        """Not asked for: no step is refused."""
        raise NotImplementedError

    def begin(self, slots: Slots, rows: int) -> None:
        """Propose the end of the next step of each lane."""
        lanes = self.lanes
        mean, deviation = self._forward(slots)
        later = self._times(slots)[1]
        self.begun(slots, rows)
        draw_move(lanes, slots, 1)
        y = mean + deviation * lanes.fresh[slots, 0]
        moved = lanes.origin[slots] + (y - lanes.origin[slots]) / later
        lanes.proposal[slots, 0] = np.where(lanes.free[slots] == 1, moved, lanes.z[slots, 0])

    def changed(self, slots: Slots, rows: int, target: Floats) -> None:
        """Weigh by another target at the same point."""
        self.lanes.log_weight[slots, 0] += target[:, 0] - self.lanes.target[slots, 0]

    def _advance(self, slots: Slots, rows: int, target: Floats, gradient: Floats) -> None:
        """Take the step, and weigh it by the way back."""
        lanes, free = self.lanes, self.lanes.free[slots]
        (t, later), origin = self._times(slots), lanes.origin[slots]
        mean, deviation = self._forward(slots)
        z, at = lanes.z[slots, 0], lanes.proposal[slots, 0]
        y, end = origin + t * (z - origin), origin + later * (at - origin)
        drift = -(at - origin) + deviation**2 / (later - t) / 2 * gradient[:, 0] / later
        back = end + (later - t) * drift
        there = _log_normal(end, mean, deviation, free)
        gained = target[:, 0] - lanes.target[slots, 0] - free.sum(-1) * np.log(later / t)[:, 0]
        lanes.log_weight[slots, 0] += gained + _log_normal(y, back, deviation, free) - there
        lanes.z[slots, 0], lanes.target[slots, 0] = at, target[:, 0]
        lanes.gradient[slots, 0] = gradient[:, 0]
        self.stepped(slots)

    def _times(self, slots: Slots) -> tuple[Floats, Floats]:
        """Times at the beginning and the end of the present steps, ``[n, 1]``."""
        specs = [self.lanes.specs[slot] for slot in slots.tolist()]
        done = [
            int(self.lanes.step[slot]) - spec.warmup
            for slot, spec in zip(slots.tolist(), specs, strict=True)
        ]
        ends = [
            [spec.start ** (1 - (number + more) / spec.steps) for more in (0, 1)]
            for number, spec in zip(done, specs, strict=True)
        ]
        times = np.array(ends)
        return times[:, :1], times[:, 1:]

    def _forward(self, slots: Slots) -> tuple[Floats, Floats]:
        """Mean and standard deviation ``[n, d]`` of the point ``y`` at the end of a step."""
        lanes = self.lanes
        (t, later), origin = self._times(slots), lanes.origin[slots]
        specs = [lanes.specs[slot] for slot in slots.tolist()]
        first = np.array([spec.start for spec in specs])[:, None]
        ratio, noise = later / t, np.array([spec.noise for spec in specs])[:, None]
        # The first step of x has the variance of a tuned move of the target, times the noise.
        rate = noise * lanes.size[slots, :1] ** 2 * first * ratio**2 / (ratio - 1)
        variance = rate * (later - t) * lanes.law.scale**2
        z = lanes.z[slots, 0]
        y = origin + t * (z - origin)
        drift = (z - origin) * (later - t) + variance / 2 * lanes.gradient[slots, 0] / t
        return y + drift, np.sqrt(variance)


def _log_normal(at: Floats, mean: Floats, deviation: Floats, free: Floats) -> Floats:
    """Log density of free components ``[n]``, but for what is equal there and back."""
    off = (at - mean) / deviation * free
    return np.asarray(-(off * off).sum(-1) / 2)
