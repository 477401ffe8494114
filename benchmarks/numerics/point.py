"""The results of one solver at one setting, by sample and as a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Tally:
    """Evaluations and end points of one solver at one setting, by sample.

    Shapes ``[n]``.

    Attributes:
        evaluations: Network evaluations.
        squares: Mean square end-point error over components, in squared data units.
        wrong: Whether the sample is in another mode than the truth.
    """

    evaluations: Floats
    squares: Floats
    wrong: npt.NDArray[np.bool_]

    def point(self) -> Point:
        """Sum it up."""
        middle, worst = np.sqrt(np.quantile(self.squares, (0.5, 0.99)))
        return Point(
            mean=float(self.evaluations.mean()),
            median=float(np.median(self.evaluations)),
            tail=float(np.quantile(self.evaluations, 0.99)),
            rms=float(np.sqrt(self.squares.mean())),
            middle=float(middle),
            worst=float(worst),
            wrong=float(self.wrong.mean()),
        )


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
) -> Tally:
    """What one solver at one setting cost and gave."""
    squares = np.square(ends - truth, dtype=np.float64).reshape(len(ends), -1).mean(1)
    return Tally(np.array(evaluations, np.float64), squares, wrong)
