"""Fitting the bounds by which lanes are abandoned early."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from sureflow.confidence.early import NEVER, SHARES
from sureflow.core.arrays import Flags, Floats

TINY = 1e-12
"""Least deviation of a statistic."""

FALSE_REJECTS, DOUBT = 0.02, 0.1
"""At most this share of the samples that would pass is abandoned, except with this probability, of
an unlucky calibration."""


def telling(found: Sequence[tuple[Floats, Floats]], able: Flags) -> Floats:
    """Weights of the statistics in the sum that foretells final scores best, ``[S, T, m]``.

    At every time it is a linear regression of the ranks of the final scores, on statistics in units
    of their deviation in each stratum, with the same coefficients in all.

    Args:
        found: By stratum: statistics ``[n, T, m]``, and ranks of the final scores ``[n]``.
        able: Which statistics there are at which time, ``[T, m]``.
    """
    weights = np.zeros((len(found), *able.shape))
    final = np.concatenate([order - order.mean() for _, order in found])
    for t, there in enumerate(able):
        values = [statistics[:, t, there] for statistics, _ in found]
        spread = [np.maximum(of.std(0), TINY) for of in values]
        scaled = [(of - of.mean(0)) / by for of, by in zip(values, spread, strict=True)]
        factors = np.linalg.lstsq(np.concatenate(scaled), final, rcond=None)[0]
        weights[:, t, there] = factors / np.stack(spread)
    return weights


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
