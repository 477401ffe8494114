"""Moves of points that leave a tempered density as it is: Hamiltonian Monte Carlo.

With one leapfrog step it is the Langevin algorithm with its Metropolis test (MALA). Sources: Duane
et al., Hybrid Monte Carlo (1987); Neal, MCMC using Hamiltonian dynamics (2011), section 5.2;
Roberts and Tweedie (1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.families.annealed.lanes import AnnealedLanes
from sureflow.families.annealed.reference import tempered


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What became of the proposals of ``n`` lanes.

    Attributes:
        taken: Which were accepted, ``[n, R]``.
        z, target, gradient: The points after the move, and the target's density there.
    """

    taken: Flags
    z: Floats
    target: Floats
    gradient: Floats


class Moves:
    """Proposes and judges moves of all points of lanes with ``R`` points each.

    Their inverse temperatures and step sizes are ``at_beta`` and ``at_size`` of the lanes.
    """

    def __init__(self, lanes: AnnealedLanes) -> None:
        self._lanes = lanes

    def begin(self, slots: Slots, rows: int) -> None:
        """Make the first half kick of momenta that were drawn, and the first drift.

        At inverse temperature 0 the proposal is a draw of the reference. Calling it again changes
        nothing.
        """
        lanes, part = self._lanes, np.s_[slots, :rows]
        free, z, fresh = lanes.free[slots][:, None], lanes.z[part], lanes.fresh[part]
        beta, size = lanes.at_beta[part][..., None], lanes.at_size[part][..., None]
        kicked = (fresh + size / 2 * self._force(beta, z, lanes.gradient[part])) * free
        exact = np.where(free == 1, lanes.law.mean + lanes.law.scale * fresh, z)
        moved = z + size * lanes.law.scale * kicked
        lanes.momentum[part] = kicked
        lanes.proposal[part] = np.where(beta == 0, exact, moved)

    def drift(self, slots: Slots, rows: int, gradient: Floats) -> None:
        """A whole kick by the gradient at the proposals, and the next drift."""
        lanes, part = self._lanes, np.s_[slots, :rows]
        at, free = lanes.proposal[part], lanes.free[slots][:, None]
        beta, size = lanes.at_beta[part][..., None], lanes.at_size[part][..., None]
        kicked = lanes.momentum[part] + size * self._force(beta, at, gradient) * free
        lanes.momentum[part] = kicked
        moved = at + size * lanes.law.scale * kicked
        lanes.proposal[part] = np.where(beta == 0, at, moved)

    def judge(self, slots: Slots, rows: int, target: Floats, gradient: Floats) -> Judged:
        """The last half kick, and the Metropolis test by the density at the proposals."""
        lanes, part, free = self._lanes, np.s_[slots, :rows], self._lanes.free[slots]
        law, z, at, beta = lanes.law, lanes.z[part], lanes.proposal[part], lanes.at_beta[part]
        size, level = lanes.at_size[part][..., None], beta[..., None]
        begun = lanes.fresh[part] * free[:, None]
        force = self._force(level, at, gradient) * free[:, None]
        ended = lanes.momentum[part] + size / 2 * force
        before = tempered(beta, law.log_density(z, free), lanes.target[part])
        after = tempered(beta, law.log_density(at, free), target)
        with np.errstate(invalid="ignore", over="ignore"):
            gain = after - before + ((begun * begun).sum(-1) - (ended * ended).sum(-1)) / 2
        # From where there is no density, every way is open.
        taken = (gain >= -lanes.accept[part]) | (beta == 0) | (before == -np.inf)
        chosen = taken[..., None]
        return Judged(
            taken,
            np.where(chosen, at, z),
            np.where(taken, target, lanes.target[part]),
            np.where(chosen, gradient, lanes.gradient[part]),
        )

    def _force(self, level: Floats, z: Floats, gradient: Floats) -> Floats:
        """Gradient of the tempered log density in scales of the reference, ``[n, R, d]``."""
        law = self._lanes.law
        return law.scale * ((1 - level) * law.gradient(z) + level * gradient)
