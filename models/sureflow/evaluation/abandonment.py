"""Fitting the bounds by which lanes are abandoned early."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from sureflow.early import SHARES, Floats

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
    bounds = np.full((len(SHARES), placed.shape[1]), np.inf)
    for number, share in enumerate(SHARES):
        passing = order[final[order] <= share]
        shape, held = np.sort(placed[passing[::2]], 0), placed[passing[1::2]]
        spare = _spare(len(held), false_rejects, doubt)
        if spare < 0:
            continue
        outmost = np.max([_share_below(shape[:, t], held[:, t]) for t in range(shape.shape[1])], 0)
        limit = np.sort(outmost)[len(held) - 1 - spare]
        bounds[number] = [_quantile(shape[:, t], limit) for t in range(shape.shape[1])]
    return bounds


def _spare(count: int, false_rejects: float, doubt: float) -> int:
    """How many of ``count`` samples may lie outside; -1 where there are too few to tell."""
    outside = np.arange(count + 1)
    return int(np.searchsorted(binom.cdf(outside, count, false_rejects), doubt, "right")) - 1


def _share_below(ordered: Floats, values: Floats) -> Floats:
    """Share of the ordered numbers that are below each value."""
    below: Floats = np.searchsorted(ordered, values, "left") / len(ordered)
    return below


def _quantile(ordered: Floats, share: float) -> float:
    """The largest value of which at most this share of the ordered numbers is below."""
    place = int(np.floor(share * len(ordered) + 1e-9))
    return float(ordered[place]) if place < len(ordered) else np.inf
