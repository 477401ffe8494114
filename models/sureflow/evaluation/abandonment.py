"""Fitting the bounds by which lanes are abandoned early."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom, spearmanr

from sureflow.confidence.early import NEVER, SHARES
from sureflow.core.arrays import Flags, Floats, Integers

SAME = 1e-3
"""Difference of rank correlations that says nothing."""

FALSE_REJECTS, DOUBT = 0.02, 0.1
"""At most this share of the samples that would pass is abandoned, except with this probability, of
an unlucky calibration."""


def most_telling(found: Sequence[tuple[Floats, Floats]], able: Flags) -> Integers:
    """Number of the statistic that foretells final scores best at every time, ``[T]``.

    By rank correlation, on average over strata; statistics of nearly equal merit are the first.

    Args:
        found: By stratum: statistics ``[n, T, m]``, and ranks of the final scores ``[n]``.
        able: Which statistics there are at which time, ``[T, m]``.
    """
    merit = np.full(able.shape, -np.inf)
    for place in zip(*np.nonzero(able), strict=True):
        values = [(statistics[:, *place], final) for statistics, final in found]
        told = [spearmanr(*pair).statistic for pair in values if np.ptp(pair[0]) > 0]
        merit[place] = np.mean(told) if told else -1
    best: Integers = np.argmax(merit >= merit.max(1, keepdims=True) - SAME, 1)
    return best


def ranks(running: Floats, tables: Floats) -> Floats:
    """Ranks of running scores ``[n, T]`` in tables of their quantiles ``[T, LEVELS]``."""
    levels = np.linspace(0, 1, tables.shape[1])
    return np.stack([np.interp(running[:, t], table, levels) for t, table in enumerate(tables)], 1)


def fit_bounds(ranked: Floats, final: Floats, seed: int) -> Floats:
    """Fit bounds on the ranks of running scores, ``[shares, T]``, as a conformal envelope.

    Half of the samples that pass give the envelope its shape: the distribution ``g`` of their ranks
    at every time. The other half says how far out it lies. Each of them has a largest ``g`` over
    all times; the envelope lies where at most :data:`FALSE_REJECTS` of all samples that pass are
    outside, except with probability :data:`DOUBT` (binomial tail). So the bounds hold for all times
    together, for any model and any shape of the running score.

    Args:
        ranked: Ranks of the running scores, ``[n, T]``.
        final: Ranks of the final scores, ``[n]``; those that pass a share have at most that rank.
        seed: Divides the samples into halves.
    """
    order = np.random.default_rng(seed).permutation(len(final))
    bounds = np.full((len(SHARES), ranked.shape[1]), NEVER)
    for number, share in enumerate(SHARES):
        passing = order[final[order] <= share]
        shape, others = np.sort(ranked[passing[::2]], 0), ranked[passing[1::2]]
        # How many of these may lie outside; -1 where there are too few to tell.
        spare = int(binom.ppf(DOUBT, len(others), FALSE_REJECTS)) - 1
        if spare < 0:
            continue
        levels = np.arange(len(shape) + 2) / (len(shape) + 1)
        # The distribution rises evenly to 1 from the last rank on, which tells apart those beyond.
        knots = [np.concatenate([[0], shape[:, t], [1]]) for t in range(shape.shape[1])]
        outermost = [np.interp(others[:, t], of_time, levels) for t, of_time in enumerate(knots)]
        limit = np.sort(np.max(outermost, 0))[len(others) - 1 - spare]
        bounds[number] = [np.interp(limit, levels, of_time) for of_time in knots]
    return bounds
