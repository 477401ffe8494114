"""How far apart two populations of counts are, ``[n, d]`` and ``[m, d]``."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from scipy.stats import wasserstein_distance

from sureflow.core.arrays import Floats, Integers

DIRECTIONS = 256
"""Directions of a sliced distance, the same for all."""

EXPRESSED = 0.5
"""Least mean count of components of which relations of moments are compared."""


def logs(counts: Integers) -> Floats:
    """``log(1 + count)``."""
    found: Floats = np.log1p(counts.astype(np.float64))
    return found


def sliced(a: Integers, b: Integers, seed: int = 0) -> float:
    """Mean Wasserstein-1 distance of projections of :func:`logs` on random unit vectors."""
    directions = np.random.default_rng(seed).standard_normal((DIRECTIONS, a.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    left, right = logs(a) @ directions.T, logs(b) @ directions.T
    each = [wasserstein_distance(x, y) for x, y in zip(left.T, right.T, strict=True)]
    return float(np.mean(each))


def bandwidth(a: Integers) -> float:
    """Median distance of :func:`logs` of two members of a population."""
    return float(np.median(pdist(logs(a))))


def mmd(a: Integers, b: Integers, width: float) -> float:
    """Squared maximum mean discrepancy of :func:`logs`, unbiased, so that it may be below 0.

    The kernel is ``exp(-d^2 / (2 width^2))``. Source: Gretton et al., A kernel two-sample test
    (2012), equation 3.
    """
    x, y = logs(a), logs(b)

    def kernel(left: Floats, right: Floats) -> Floats:
        found: Floats = np.exp(-cdist(left, right, "sqeuclidean") / (2 * width**2))
        return found

    within = [_off_diagonal(kernel(z, z)) for z in (x, y)]
    return sum(within) - 2 * float(kernel(x, y).mean())


def wasserstein(a: Integers, b: Integers) -> float:
    """Wasserstein-2 distance of two populations of one size, by the best assignment, in counts."""
    if len(a) != len(b):
        raise ValueError(f"b: has {len(b)} members, not {len(a)}")
    costs = cdist(a.astype(np.float64), b.astype(np.float64), "sqeuclidean")
    return float(np.sqrt(costs[linear_sum_assignment(costs)].mean()))


def zeros_apart(a: Integers, b: Integers) -> float:
    """Mean difference of the shares of zeros of a component."""
    return float(np.abs((a == 0).mean(0) - (b == 0).mean(0)).mean())


def moments_apart(a: Integers, b: Integers) -> tuple[float, float]:
    """Rms differences of the logarithms of means and of variances, over components of both."""
    found = [(z.mean(0), z.var(0)) for z in (a, b)]
    used = (np.minimum(found[0][0], found[1][0]) > EXPRESSED) & (found[0][1] > 0)
    used &= found[1][1] > 0
    mean, variance = (
        float(np.sqrt(np.square(np.log(x[used]) - np.log(y[used])).mean()))
        for x, y in zip(*found, strict=True)
    )
    return mean, variance


def overdispersion(a: Integers) -> float:
    """Median over components of ``(variance - mean) / mean^2``: 0 for Poisson's law."""
    mean, variance = a.mean(0), a.var(0)
    used = mean > EXPRESSED
    return float(np.median((variance - mean)[used] / mean[used] ** 2))


def _off_diagonal(kernel: Floats) -> float:
    n = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))
