"""When a running score foretells that a finished sample would be of no use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVELS = 65
"""Quantiles stored of a running score at one time."""

SHARES = np.arange(1, 20) / 20
"""Shares of samples that pass for which bounds are fitted; between them the next larger holds."""

NEVER = 3.0
"""A bound that no rank is beyond."""


@dataclass(frozen=True)
class Early:
    """Bounds on the running score at times on the way, for one score.

    A running value is placed among those that the model's own reference draws of the same class
    and guidance had at that time: its rank in [0, 1], lower is surer. A lane should stop once its
    rank is beyond the bound for the share of samples that pass.

    Attributes:
        times: When running scores were compared, ascending, ``[T]``.
        guidance: Scales with a table, ``[G]``.
        quantiles: Running values at levels 0 .. 1, ``[G, classes + 1, T, LEVELS]``.
        bounds: Highest rank of a lane that may still pass, ``[G, shares, T]``, at :data:`SHARES`.
    """

    times: Floats
    guidance: Floats
    quantiles: Floats
    bounds: Floats

    def fits(self, rows: int) -> bool:
        """Whether its parts fit together, with so many tables for each scale."""
        scales, times = self.guidance.shape, self.times.shape
        return (
            len(scales) == len(times) == 1
            and min(*scales, *times) > 0
            and bool(np.isfinite(self.times).all() and (np.diff(self.times) > 0).all())
            and self.bounds.shape == (*scales, len(SHARES), *times)
            and self.quantiles.shape[:-1] == (*scales, rows, *times)
            and self.quantiles.size > 0
        )

    def should_stop(self, running: float, t: float, spec: Any, confidence: float) -> bool:
        """Whether a lane may be abandoned.

        Args:
            running: Its score if it ended as foreseen at ``t``.
            t: Its time.
            spec: The lane; those of scales without a table are never abandoned.
            confidence: What it must reach in the end.
        """
        label, guidance = spec.label, spec.scale
        scale = np.flatnonzero(self.guidance == guidance)
        share = np.searchsorted(SHARES, 1 - confidence - 1e-9)
        if not len(scale) or share == len(SHARES) or not self.times[0] <= t <= self.times[-1]:
            return False
        row = self.quantiles.shape[1] - 1 if label is None else label
        after = int(np.searchsorted(self.times, t - 1e-9))
        before = max(after - 1, 0)
        width = self.times[after] - self.times[before]
        part = (t - self.times[before]) / width if width else 1.0
        tables, bounds = self.quantiles[scale[0], row], self.bounds[scale[0], share]
        table = (1 - part) * tables[before] + part * tables[after]
        bound = (1 - part) * bounds[before] + part * bounds[after]
        return bool(np.isfinite(table).all() and rank(running, table) > bound)


def rank(value: float, table: Floats) -> float:
    """Where a value stands among those of a table of quantiles, in [0, 1]; beyond all of them 2."""
    return 2.0 if value > table[-1] else float(np.interp(value, table, _levels(table)))


def _levels(table: Floats) -> Floats:
    return np.linspace(0, 1, len(table))
