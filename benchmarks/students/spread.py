"""Means over seeds, with the interval of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmarks.report import Report


def add_mean(report: Report, label: str, values: Sequence[float], unit: str = "") -> None:
    """Report a mean, and half the width of its 90 % interval (Student's t) if there are several."""
    report.add(label, float(np.mean(values)), unit)
    if len(values) > 1:
        quantile = stats.t.ppf(0.95, len(values) - 1)
        half = quantile * np.std(values, ddof=1) / len(values) ** 0.5
        report.add(f"{label}, +-", float(half), unit)
