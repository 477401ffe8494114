"""What confidence at one setting becomes, learned from samples drawn there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LIMIT = 0.05
"""Largest difference from uniform with which confidence is said to hold."""

LEVELS = np.linspace(0, 1, 129)
"""Shares of the samples at which their places become knots of a curve."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A share of samples for every place among the reference draws; linear between its knots.

    Attributes:
        places: Of the knots, ascending, ``[K]``; may lie beyond 0 and 1, see
            :meth:`~sureflow.confidence.calibration.Calibration.place`.
        shares: Of the samples of a setting that are at most there, rising in [0, 1], ``[K]``.
    """

    places: Floats
    shares: Floats

    def at(self, place: float | Floats) -> Floats:
        """The share; before the first knot and after the last it is theirs."""
        return np.asarray(np.interp(place, self.places, self.shares))

    def apart(self, other: Curve) -> float:
        """Largest difference from another one."""
        knots = np.union1d(self.places, other.places)
        return float(np.abs(self.at(knots) - other.at(knots)).max())

    def tensor(self) -> Floats:
        """What is stored of it, ``[2, K]``."""
        return np.stack([self.places, self.shares])

    @classmethod
    def read(cls, tensor: Floats) -> Curve:
        """Read it back.

        Raises:
            ValueError: It is no curve.
        """
        if tensor.ndim != 2 or len(tensor) != 2 or tensor.shape[1] < 2:
            raise ValueError(f"has shape {tensor.shape}, not (2, K) with K >= 2")
        places, shares = tensor
        if not (np.isfinite(places).all() and (np.diff(places) > 0).all()):
            raise ValueError("has places that do not rise")
        if not (np.diff(shares) >= 0).all():
            raise ValueError("does not rise")
        if not 0 <= shares[0] <= shares[-1] <= 1:
            raise ValueError("is not in 0 .. 1")
        return cls(places, shares)


SAME = Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
"""The place itself."""


def compare(there: Floats, here: Floats, draws: int) -> tuple[Curve, float]:
    """Curve and error of a setting, from places among the reference draws ``[n]`` each.

    Both are of the same noises, ``here`` at the setting of the reference draws, where the place is
    uniform. So the curve is the place plus the difference of the two empirical distributions,
    whose error is that of the few samples alone that lie on different sides of it. What the tables
    of the reference draws owe to chance stays in it, though. Where it is better known without, from
    the distribution at the setting by itself, and well enough, that is the curve.

    Args:
        there: At the setting.
        here: At that of the reference draws.
        draws: How many reference draws the tables are made of, all classes together.

    Returns:
        The curve, and an estimate of how far from uniform the confidence still is, besides what is
        so of that at the setting of the reference draws: twice the largest standard error of the
        curve, with what is lost between its knots, but no less than the share of samples that
        nothing tells apart. Where the places were nearer to uniform as they are than such a curve
        can be told to make them, they stay as they are.
    """
    count = len(there)
    knots = np.unique([min(0.0, there.min()), *np.quantile(there, LEVELS), max(1.0, there.max())])
    below = (there[:, None] <= knots).astype(float)
    alone = float(below.var(0).max()) / count
    paired = float((below - (here[:, None] <= knots)).var(0).max()) / count
    enough = 2 * alone**0.5 <= LIMIT
    by_pairs = paired <= alone and not (enough and alone < paired + 0.25 / draws)
    points = np.union1d(knots, there)
    told = points.clip(0, 1) - _share(here, points) if by_pairs else 0.0
    share = np.clip(np.maximum.accumulate(told + _share(there, points)), 0, 1)
    share[0], share[-1] = 0, 1
    curve = Curve(knots, share[np.searchsorted(points, knots)])
    doubt = 2 * (paired if by_pairs else alone) ** 0.5
    lost = float(np.abs(curve.at(there) - share[np.searchsorted(points, there)]).max())
    alike = float(np.unique(there, return_counts=True)[1].max()) / count
    apart = max(curve.apart(SAME), alike)
    return (SAME, apart) if apart <= doubt + lost else (curve, max(doubt + lost, alike))


def _share(values: Floats, points: Floats) -> Floats:
    """Of the values, those that are at most at each point."""
    return np.searchsorted(np.sort(values), points, side="right") / len(values)
