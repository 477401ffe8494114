"""One solver at one setting, and curves of such points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Point:
    """Evaluations per sample, and how far the samples are off.

    Attributes:
        mean: Evaluations per sample; ``median`` and ``tail``, the 99th percentile, likewise.
        rms: Root mean square end-point error over samples and components, in data units.
        middle: Median over the samples of their rms over components; ``worst`` is the 99th
            percentile.
        wrong: Share of samples in another mode than the truth.
    """

    mean: float
    median: float
    tail: float
    rms: float
    middle: float
    worst: float
    wrong: float


def measure(
    ends: Floats, truth: Floats, wrong: npt.NDArray[np.bool_], evaluations: Sequence[int]
) -> Point:
    """What one solver at one setting cost and gave."""
    spent = np.array(evaluations, np.float64)
    squares = np.square(ends - truth, dtype=np.float64).reshape(len(ends), -1).mean(1)
    middle, worst = np.sqrt(np.quantile(squares, (0.5, 0.99)))
    return Point(
        mean=float(spent.mean()),
        median=float(np.median(spent)),
        tail=float(np.quantile(spent, 0.99)),
        rms=float(np.sqrt(squares.mean())),
        middle=float(middle),
        worst=float(worst),
        wrong=float(wrong.mean()),
    )


def at_level(points: list[Point], level: float, wrong: float = 1) -> Point | None:
    """A curve where its rms error comes down to a level; ``None`` if it does not get there.

    After an isotonic fit, since rare samples near the border between two modes make the rms of
    neighbouring settings noisy. A curve that begins below the level gives its first point, which
    is then an upper bound. With ``wrong``, the first setting from there on whose share of wrong
    modes, after such a fit too, is no larger.
    """
    points = sorted(points, key=lambda p: p.mean)
    fitted = isotonic_regression([np.log(p.rms) for p in points], increasing=False).x
    share = _crossing(fitted, np.log(level))
    if wrong < 1:
        modes = isotonic_regression([p.wrong for p in points], increasing=False).x
        share = max(share, _crossing(modes, wrong))
    if not np.isfinite(share):
        return None
    after = int(np.ceil(share))
    if after == 0:
        return points[0]
    a, b, share = points[after - 1], points[after], share - after + 1
    mixed = {
        field: (1 - share) * getattr(a, field) + share * getattr(b, field)
        for field in ("mean", "median", "tail", "rms", "middle", "worst", "wrong")
    }
    return Point(**mixed)


def _crossing(values: Floats, level: float) -> float:
    """Position, between two indices, at which falling values reach a level; infinity if never."""
    below = np.flatnonzero(values <= level)
    if not len(below):
        return np.inf
    after = int(below[0])
    if after == 0:
        return 0
    return after - 1 + float((level - values[after - 1]) / (values[after] - values[after - 1]))
