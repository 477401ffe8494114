"""How well a score tells bad samples from the others."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from sureflow.core.arrays import Flags, Floats


def auroc(values: Floats, bad: Flags) -> float:
    """Share of pairs of a bad sample and another of which the bad one has the larger value.

    Ties count half; what is no number is larger than all. 0.5 is chance, and the result where
    nothing or everything is bad. Both are ``[n]``.
    """
    found, others = int(bad.sum()), int((~bad).sum())
    if not found * others:
        return 0.5
    ranks = rankdata(np.nan_to_num(values, nan=np.inf))
    return float((ranks[bad].sum() - found * (found + 1) / 2) / (found * others))
