"""The spec of a lane that samples an unnormalised density. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sureflow.core.lane import LaneSpec

TEMPERING, ANNEALING, TRANSPORT, LANGEVIN = "pt", "ais", "cds", "mala"
METHODS = (ANNEALING, TEMPERING, TRANSPORT, LANGEVIN)
"""Annealed importance sampling, parallel tempering, conditional diffusion sampling, and chains of
the target alone."""

LADDERED = (ANNEALING, TEMPERING, TRANSPORT)
"""Methods that have a ladder of temperatures."""

MAX_STEPS, MAX_LEAPFROG, MAX_REPLICAS = 5000, 64, 16
TEMPERATURE = "temperature"
"""Condition of every target: the density is raised to the power of its inverse."""


@dataclass(frozen=True, slots=True)
class AnnealedSpec(LaneSpec):
    """One sample of an unnormalised density.

    Attributes:
        method: One of :data:`METHODS`.
        steps: Moves after the warm-up.
        warmup: Moves that tune the ladder and the step sizes, which are fixed from then on.
        replicas: Points that the lane moves together: those of the ladder, coldest last; the
            particles that are annealed; or chains.
        leapfrog: Evaluations of a move of each point; 1 is the Langevin algorithm (MALA).
        start: With ``cds``: the time at which the transport begins.
        noise: With ``cds``: variance of its first step, in those of the tuned move of the target.
    """

    family: ClassVar[str] = "annealed"

    method: str = ANNEALING
    steps: int = 100
    warmup: int = 100
    replicas: int = 8
    leapfrog: int = 1
    start: float = 0.1
    noise: float = 0.25

    @property
    def moves(self) -> int:
        """All moves, those of the warm-up included."""
        return self.warmup + self.steps

    @property
    def tuned_at(self) -> int:
        """The move from which nothing is tuned any more, and averages are taken.

        A transport has but its warm-up for both.
        """
        return self.warmup * 3 // 4 if self.method == TRANSPORT else self.warmup

    @property
    def rows(self) -> int:
        """Evaluations of the density that it takes, those of the beginnings left out."""
        later = 1 if self.method == TRANSPORT else self.replicas * self.leapfrog
        return self.warmup * self.replicas * self.leapfrog + self.steps * later
