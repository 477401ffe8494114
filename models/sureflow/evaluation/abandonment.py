"""Fitting the bounds by which lanes are abandoned early."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from sureflow.confidence.early import NEVER, SHARES, Floats

FALSE_REJECTS, DOUBT = 0.02, 0.1
"""Of the samples that would pass at most this share is abandoned, but for this probability of an
unlucky calibration."""


def ranks(running: Floats, tables: Floats) -> Floats:
    """Ranks of running values ``[n, T]`` among their quantiles ``[T, LEVELS]``."""
    levels = np.linspace(0, 1, tables.shape[1])
    placed = [np.interp(running[:, t], table, levels) for t, table in enumerate(tables)]
    return np.stack(placed, 1)


def fit_bounds(
    placed: Floats,
    final: Floats,
    seed: int,
    false_rejects: float = FALSE_REJECTS,
    doubt: float = DOUBT,
) -> Floats:
    """Bounds on ranks along the way, ``[shares, T]``, by a conformal envelope.

    Half of the samples that pass shape the envelope: at every time the distribution ``g`` of their
    ranks. The others say how far out it must lie: of each the largest ``g`` over all times is
    taken, and of these the value that leaves at most ``false_rejects`` of all samples that pass
    outside, except with probability ``doubt`` (binomial tail). The bound holds over all times
    together, for any model and any shape of the running score.

    Args:
        placed: Ranks along the way, ``[n, T]``.
        final: Final ranks, ``[n]``; a sample passes a share if its rank is at most that.
        seed: Divides the samples.
        false_rejects: Share of the passing ones that may be abandoned.
        doubt: Probability that it is more.
    """
    order = np.random.default_rng(seed).permutation(len(final))
    bounds = np.full((len(SHARES), placed.shape[1]), NEVER)
    for number, share in enumerate(SHARES):
        passing = order[final[order] <= share]
        shape, held = np.sort(placed[passing[::2]], 0), placed[passing[1::2]]
        spare = _spare(len(held), false_rejects, doubt)
        if spare < 0:
            continue
        levels = np.arange(len(shape) + 2) / (len(shape) + 1)
        # From the last rank seen on, the distribution rises evenly to 1, so that ranks beyond it
        # are told apart too.
        knots = [np.concatenate([[0], shape[:, t], [1]]) for t in range(shape.shape[1])]
        placed_in = [np.interp(held[:, t], knots[t], levels) for t in range(len(knots))]
        limit = np.sort(np.max(placed_in, 0))[len(held) - 1 - spare]
        bounds[number] = [np.interp(limit, levels, of_time) for of_time in knots]
    return bounds


def _spare(count: int, false_rejects: float, doubt: float) -> int:
    """How many of ``count`` samples may lie outside; -1 where there are too few to tell."""
    outside = np.arange(count + 1)
    return int(np.searchsorted(binom.cdf(outside, count, false_rejects), doubt, "right")) - 1
