"""Bounds on a bad rate that hold at every number of verdicts, so that one may look at any time."""

from __future__ import annotations

import numpy as np

from sureflow.confidence.certificate import DELTA
from sureflow.core.arrays import Floats, Integers

PRIOR = 0.5
"""Both parameters of the beta distribution over which likelihood ratios are averaged."""

HALVINGS = 50
"""Of the interval that holds a bound."""


def evidence_below(bad: Integers, count: Integers, rate: Floats) -> Floats:
    """Log of the evidence ``[K]`` that the true rate is less than ``rate [K]``, in (0, 1).

    It is the likelihood of ``bad [K]`` among ``count [K]``, averaged over smaller rates, over that
    at ``rate``. If the true rate is ``rate`` or more, then with a probability of ``delta`` at most
    it ever comes to ``log(1 / delta)``, whenever and however often one looks (Ville, 1939; Robbins,
    Ann. Math. Stat. 41, 1970).
    """
    from scipy.special import betainc, betaln  # few servers need it

    good = count - bad
    with np.errstate(divide="ignore"):
        average = np.log(betainc(PRIOR + bad, PRIOR + good, rate))
        average += betaln(PRIOR + bad, PRIOR + good) - betaln(PRIOR, PRIOR)
        average -= np.log(betainc(PRIOR, PRIOR, rate))
    found: Floats = average - bad * np.log(rate) - good * np.log1p(-rate)
    return found


def evidence_above(bad: Integers, count: Integers, rate: Floats) -> Floats:
    """Log of the evidence ``[K]`` that the true rate is more than ``rate``; see above."""
    return evidence_below(count - bad, count, 1 - rate)


def anytime_bounds(bad: Integers, count: Integers, delta: float = DELTA) -> Floats:
    """Upper bounds ``[K]`` on the rate, all of which ever made hold with probability ``1 - delta``.

    The evidence that the rate is less than ``p`` grows with ``p`` from ``(bad + 0.5) / count`` on,
    and is too small before. The bound is 1 where all are bad, or there are none.
    """
    known = bad < count
    low = np.where(known, (bad + 0.5) / np.maximum(count, 1), 0.5)
    high = np.ones(len(bad))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = evidence_below(bad, count, middle) >= -np.log(delta)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    bounds: Floats = np.where(known, high, 1.0)
    return bounds
