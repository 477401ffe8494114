"""Quantile maps turn ranks among the reference draws into shares of the samples of a setting."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats

QuantileMap = Floats
"""Knots of a map, ``[2, K]``, linear in between: ascending ranks, which may lie beyond 0 and 1 (see
:meth:`~sureflow.confidence.calibration.Calibration.ranks`), and the share of the samples of a
setting that are at most there, rising in [0, 1]."""

SAME: QuantileMap = np.array([[0.0, 1.0], [0.0, 1.0]])
"""The share is the rank itself."""

LIMIT = 0.05
"""Largest difference from uniform with which confidence is said to be calibrated."""

LEAST_DRAWS = 100
"""In every table, and at every setting: with fewer, nothing is said to be calibrated."""

LEVELS = np.linspace(0, 1, 129)
"""Shares of the samples at which their ranks become knots of a map."""


def share_at(found: QuantileMap, rank: float | Floats) -> Floats:
    """The share at a rank; before the first knot and after the last it is theirs."""
    return np.asarray(np.interp(rank, *found))


def check_map(name: str, tensor: Floats) -> QuantileMap:
    """Return a tensor that is a quantile map.

    Raises:
        ValueError: It is none; the message begins with its name.
    """
    if tensor.ndim != 2 or len(tensor) != 2 or tensor.shape[1] < 2:
        raise ValueError(f"{name} has shape {tensor.shape}, not (2, K) with K >= 2")
    ranks, shares = tensor
    if not (np.isfinite(ranks).all() and (np.diff(ranks) > 0).all()):
        raise ValueError(f"{name} has ranks that do not rise")
    if not (np.diff(shares) >= 0).all():
        raise ValueError(f"{name} does not rise")
    if not 0 <= shares[0] <= shares[-1] <= 1:
        raise ValueError(f"{name} is not in 0 .. 1")
    return tensor


def fit_map(draws: int, there: Floats, here: Floats | None = None) -> tuple[QuantileMap, float]:
    """Fit the map of a setting to ranks among the reference draws; estimate its error.

    ``here`` has the ranks that the same noises have at the setting of the reference draws, where
    ranks are uniform. With it, the map is the rank plus the difference of the two empirical
    distributions. Only the few samples that lie on different sides of a rank add to its error, but
    what the tables owe to chance stays in it. If there are enough samples to fit the distribution
    ``there`` by itself, and that is no less accurate, the map is that distribution.

    Args:
        draws: Number of reference draws in the tables, all strata together.
        there: Ranks at the setting, ``[n]``.
        here: Ranks at the setting of the reference draws, ``[n]``, if they were drawn.

    Returns:
        The map, and how far from uniform the confidence may still be: twice the largest standard
        error of the map plus what is lost between its knots, but no less than the share of samples
        that have equal ranks. :data:`SAME` where the ranks are uniform within that error, and, with
        an error of 1, where there are fewer than :data:`LEAST_DRAWS`.
    """
    count = len(there)
    if count < LEAST_DRAWS:
        return SAME, 1.0
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
    found = np.stack([knots, share[np.searchsorted(points, knots)]])
    error = 2 * doubt**0.5
    error += float(np.abs(share_at(found, there) - share[np.searchsorted(points, there)]).max())
    alike = float(np.unique(there, return_counts=True)[1].max()) / count
    both = np.union1d(knots, SAME[0])
    apart = max(float(np.abs(share_at(found, both) - share_at(SAME, both)).max()), alike)
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
    """The share of the values that are at most at each point."""
    return np.searchsorted(np.sort(values), points, side="right") / len(values)
