"""The error of an inversion: the difference between the given and the reconstructed sample."""

from __future__ import annotations

import numpy as np

from sureflow.core.lane import Array, LaneSpec
from sureflow.core.origin import Inverted

TINY = 1e-30
"""Avoids a division by zero for a sample of zeros."""


def inversion_error(spec: LaneSpec, data: Array) -> float | None:
    """See :attr:`sureflow.core.lane.Sample.inversion_error`."""
    if not isinstance(spec.origin, Inverted):
        return None
    given = spec.origin.data.astype(np.float64)
    error = np.square(data.astype(np.float64) - given).mean()
    return float(np.sqrt(error / max(np.square(given).mean(), TINY)))
