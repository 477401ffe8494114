"""From ranks among the reference draws to shares of the samples of another setting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LIMIT = 0.05
"""Largest difference from uniform with which confidence is said to be calibrated."""

LEVELS = np.linspace(0, 1, 129)
"""Shares of the samples at which their ranks become knots of a map."""


@dataclass(frozen=True, eq=False)
class QuantileMap:
    """A share of samples for every rank among the reference draws; linear between its knots.

    Attributes:
        ranks: Of the knots, ascending, ``[K]``; may lie beyond 0 and 1, see
            :meth:`~sureflow.confidence.calibration.Calibration.ranks`.
        shares: Of the samples of a setting that are at most there, rising in [0, 1], ``[K]``.
    """

    ranks: Floats
    shares: Floats

    def at(self, rank: float | Floats) -> Floats:
        """The share; before the first knot and after the last it is theirs."""
        return np.asarray(np.interp(rank, self.ranks, self.shares))

    def apart(self, other: QuantileMap) -> float:
        """Largest difference from another one."""
        knots = np.union1d(self.ranks, other.ranks)
        return float(np.abs(self.at(knots) - other.at(knots)).max())

    def tensor(self) -> Floats:
        """What is stored of it, ``[2, K]``."""
        return np.stack([self.ranks, self.shares])

    @classmethod
    def read(cls, tensor: Floats) -> QuantileMap:
        """Read it back.

        Raises:
            ValueError: It is no map.
        """
        if tensor.ndim != 2 or len(tensor) != 2 or tensor.shape[1] < 2:
            raise ValueError(f"has shape {tensor.shape}, not (2, K) with K >= 2")
        ranks, shares = tensor
        if not (np.isfinite(ranks).all() and (np.diff(ranks) > 0).all()):
            raise ValueError("has ranks that do not rise")
        if not (np.diff(shares) >= 0).all():
            raise ValueError("does not rise")
        if not 0 <= shares[0] <= shares[-1] <= 1:
            raise ValueError("is not in 0 .. 1")
        return cls(ranks, shares)


SAME = QuantileMap(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
"""The rank itself."""


def fit_map(there: Floats, here: Floats | None, draws: int) -> tuple[QuantileMap, float]:
    """Map and error of a setting, from ranks among the reference draws ``[n]``.

    If they are given of the same noises at the setting of the reference draws too, where ranks are
    uniform, the map is the rank plus the difference of the two empirical distributions, whose error
    is that of the few samples alone that lie on different sides of it. What the tables of the
    reference draws owe to chance stays in it, though. Where it is better known without, from the
    distribution at the setting by itself, and well enough, that is the map.

    Args:
        there: At the setting.
        here: At that of the reference draws, of the same noises; None if they were not made.
        draws: How many reference draws the tables are made of, all strata together.

    Returns:
        The map, and an estimate of how far from uniform the confidence still is, besides what is so
        of that at the setting of the reference draws: twice the largest standard error of the map,
        with what is lost between its knots, but no less than the share of samples that nothing
        tells apart. Where the ranks were nearer to uniform as they are than such a map can be told
        to make them, they stay as they are.
    """
    count = len(there)
    knots = np.unique([min(0.0, there.min()), *np.quantile(there, LEVELS), max(1.0, there.max())])
    points = np.union1d(knots, there)
    share = _share(there, points)
    below = (there[:, None] <= knots).astype(float)
    doubt = float(below.var(0).max()) / count
    if here is not None:
        paired = float((below - (here[:, None] <= knots)).var(0).max()) / count
        enough = 2 * doubt**0.5 <= LIMIT
        if paired <= doubt and not (enough and doubt < paired + 0.25 / draws):
            share, doubt = points.clip(0, 1) - _share(here, points) + share, paired
    share = np.clip(np.maximum.accumulate(share), 0, 1)
    share[0], share[-1] = 0, 1
    found = QuantileMap(knots, share[np.searchsorted(points, knots)])
    error = 2 * doubt**0.5
    error += float(np.abs(found.at(there) - share[np.searchsorted(points, there)]).max())
    alike = float(np.unique(there, return_counts=True)[1].max()) / count
    apart = max(found.apart(SAME), alike)
    return (SAME, apart) if apart <= error else (found, max(error, alike))


def distance(ranks: Floats, others: Floats | None = None) -> float:
    """Kolmogorov-Smirnov distance of numbers ``[n]`` from those of others ``[m]``, or of uniform.

    Raises:
        ValueError: There are none.
    """
    if others is not None:
        points = np.union1d(ranks, others)
        return float(np.abs(_share(ranks, points) - _share(others, points)).max())
    ranked, places = np.sort(ranks), np.arange(len(ranks))
    below, above = ranked - places / len(ranked), (places + 1) / len(ranked) - ranked
    return float(max(below.max(), above.max()))


def _share(values: Floats, points: Floats) -> Floats:
    """Of the values, those that are at most at each point."""
    return np.searchsorted(np.sort(values), points, side="right") / len(values)
