"""Means over seeds, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from benchmarks.report import Report


def add_mean(report: Report, label: str, values: Sequence[float]) -> None:
    """Add a mean over seeds and half of its interval of 95 %, by Student's t."""
    found = np.array(values, np.float64)
    report.add(label, float(found.mean()))
    if len(found) > 1:
        half = t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / len(found) ** 0.5
        report.add(f"{label}, +-", float(half))
