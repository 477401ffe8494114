"""The bridge between two counts, and how likely it makes what is seen on the way."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Integers

MOST = 1023
"""Largest count that a network may know, as tables grow with its square."""

TAIL = 1e-9
"""Mass of the source that is cut off, at most."""

KEPT = 1 << 24
"""Entries of the tables that are kept, together, where they are more than 64."""

SOURCES = ("poisson", "uniform")


class CountBridge:
    """Signed binomial bridges: ``x_t = x0 + sign(x1 - x0) Binomial(|x1 - x0|, t)``, per component.

    Source: Wei and Pearson, count flow matching (2026), section 3. The source ``x0`` is of one law
    for all components, and independent of the data ``x1``; so the likelihood of ``x_t`` given
    ``x1`` is a table, and a posterior of ``x1`` is a prior times that table.

    Args:
        most: Largest count of data.
        source: ``poisson``, or ``uniform`` on 0 to ``most``.
        mean: Mean of a Poisson source.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    def __init__(self, most: int, source: str = "poisson", mean: float = 1.0) -> None:
        if not 1 <= most <= MOST:
            raise ValueError(f"most: {most} is not in 1 .. {MOST}")
        if source not in SOURCES:
            raise ValueError(f"source: {source!r} is unknown; choose from {[*SOURCES]}")
        if not 0 < mean <= most:
            raise ValueError(f"mean: {mean} is not in 0 .. {most}")
        self.most = most
        values = np.arange(most + 1)
        law = _poisson(values, mean) if source == "poisson" else np.ones(most + 1)
        last = int(np.searchsorted(np.cumsum(law / law.sum()), 1 - TAIL))
        self.law: Floats = law[: last + 1] / law[: last + 1].sum()
        self._table = lru_cache(maxsize=max(KEPT // (most + 1) ** 2, 64))(self._made)

    def start(self, u: Floats) -> Integers:
        """Counts of the source by inversion of uniform numbers, of any shape."""
        found: Integers = np.searchsorted(np.cumsum(self.law), u, side="right")
        return np.minimum(found, len(self.law) - 1)

    def log_likelihood(self, t: Tensor) -> Tensor:
        """``log P(x_t = x | x1)`` at times ``t [B]``, ``[B, most + 1 (x), most + 1 (x1)]``."""
        return torch.stack([self._table(time) for time in t.tolist()]).to(t.device)

    def _made(self, t: float) -> Tensor:
        """The table of one time; :data:`NEVER` where a state cannot be."""
        x = np.arange(self.most + 1)[:, None]
        end = np.arange(self.most + 1)[None]
        total = np.zeros((self.most + 1, self.most + 1))
        for start, mass in enumerate(self.law.tolist()):
            up = binomial(x - start, end - start, t)
            down = binomial(start - x, start - end, t)
            total += mass * np.where(end >= start, up, down)
        return torch.from_numpy(np.where(total > 0, np.log(np.maximum(total, TINY)), NEVER)).float()


NEVER, TINY = -1e4, 1e-300
"""Logarithm of what cannot be, and the smallest probability of what can."""


def binomial(k: Integers, n: Integers, p: float) -> Floats:
    """``P(k of n)``, broadcast; 0 where k is not in 0 .. n."""
    inside = (k >= 0) & (k <= n)
    k, n = np.where(inside, k, 0), np.where(inside, n, 0)
    choose = _log_factorial(n) - _log_factorial(k) - _log_factorial(n - k)
    yes, no = (math.log(share) if share > 0 else -math.inf for share in (p, 1 - p))
    return np.where(inside, np.exp(choose + _times(k, yes) + _times(n - k, no)), 0.0)


def _poisson(values: Integers, mean: float) -> Floats:
    """Probabilities of a Poisson law."""
    probabilities: Floats = np.exp(values * math.log(mean) - _log_factorial(values) - mean)
    return probabilities


def _log_factorial(n: Integers) -> Floats:
    """``log n!``; what scipy has for it takes a quarter of a second to load."""
    table = np.array([math.lgamma(each + 1) for each in range(int(n.max()) + 1)])
    found: Floats = table[n]
    return found


def _times(count: Integers, log_share: float) -> Floats:
    """``count log_share``, where none of what cannot be is no loss."""
    return np.multiply(count, log_share, out=np.zeros(count.shape), where=count > 0)
