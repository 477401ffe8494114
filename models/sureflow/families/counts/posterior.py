"""Posteriors of counts, of one lane at a time and in float64.

An array of one lane has the same shape whatever lanes run beside it, so that its bits are its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sureflow.core.arrays import Flags, Floats, Integers

LEAST = 1e-3
"""Smallest mean whose logarithm is taken."""


@dataclass(frozen=True)
class Posterior:
    """Where the components of a lane are going.

    Attributes:
        p: Probabilities of the ends, ``[d, most + 1]``.
    """

    p: Floats

    @classmethod
    def of(cls, log_p: npt.NDArray[np.floating]) -> Posterior:
        """Of log-probabilities up to a constant, ``[d, most + 1]``."""
        shifted = log_p.astype(np.float64)
        shifted -= shifted.max(-1, keepdims=True)
        p = np.exp(shifted)
        return cls(p / p.sum(-1, keepdims=True))

    @classmethod
    def guided(
        cls, plain: npt.NDArray[np.floating], null: npt.NDArray[np.floating], scale: float
    ) -> Posterior:
        """In proportion to ``p(x1 | label)^g p(x1)^(1 - g)``."""
        both = null.astype(np.float64) + scale * (plain.astype(np.float64) - null)
        return cls.of(both)

    def held(self, mask: Flags, known: Integers) -> Posterior:
        """The same with certain ends where the mask is true."""
        if not mask.any():
            return self
        p = self.p.copy()
        p[mask] = 0
        p[mask, known[mask]] = 1
        return Posterior(p)

    @cached_property
    def mean(self) -> Floats:
        """Mean ends, ``[d]``."""
        found: Floats = self.p @ np.arange(self.p.shape[1])
        return found

    @cached_property
    def variance(self) -> Floats:
        """Variance of the ends, ``[d]``."""
        v = np.arange(self.p.shape[1], dtype=np.float64)
        found: Floats = self.p @ v**2 - (self.p @ v) ** 2
        return np.maximum(found, 0.0)

    @cached_property
    def entropy(self) -> Floats:
        """Entropies of the ends, ``[d]``, in nats."""
        found: Floats = -(self.p * np.log(np.maximum(self.p, 1e-300))).sum(-1)
        return found

    def rates(self, x: Integers, left: float) -> tuple[Floats, Floats]:
        """Mean rates of births and deaths at counts ``x [d]``, with so much time left."""
        apart = np.arange(self.p.shape[1]) - x[:, None]
        births, deaths = ((self.p * np.maximum(side, 0)).sum(-1) / left for side in (apart, -apart))
        return births, deaths

    def drawn(self, u: Floats) -> Integers:
        """Ends by inversion of uniform numbers ``[d]``."""
        below = (np.cumsum(self.p, -1) <= u[:, None]).sum(-1)
        # Rounding may leave the sum below 1; the last count that can be is then meant.
        last = self.p.shape[1] - 1 - (self.p[:, ::-1] > 0).argmax(-1)
        found: Integers = np.minimum(below, last)
        return found
