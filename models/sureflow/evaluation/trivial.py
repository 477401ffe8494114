"""Trivial properties of samples: a score that follows one of them says no more than it does."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from sureflow.core.arrays import Floats

Samples = npt.NDArray[np.float32]

SPREAD = 1.06
"""Variance of a rank correlation relative to that of a correlation (Fieller et al., 1957)."""


def trivial_properties(samples: Samples) -> dict[str, Floats]:
    """Properties ``[N]`` of samples ``[N, *shape]``, by name."""
    flat = samples.reshape(len(samples), -1).astype(np.float64)
    found = {
        "mean": flat.mean(1),
        "size": np.sqrt(np.square(flat).mean(1)),
        "contrast": flat.std(1),
        "largest": np.abs(flat).max(1),
    }
    if samples.ndim == 4:
        steps = [np.abs(np.diff(samples.astype(np.float64), axis=axis)) for axis in (2, 3)]
        found["roughness"] = sum(step.reshape(len(samples), -1).mean(1) for step in steps)
    return {name: values for name, values in found.items() if np.ptp(values) > 0}


def rank_correlation(values: Floats, others: Floats) -> tuple[float, float]:
    """Spearman's correlation of two lists ``[N]``, and half the width of its 95 % interval."""
    found = float(spearmanr(values, others).statistic)
    return found, 1.96 * SPREAD / math.sqrt(max(len(values) - 3, 1))
