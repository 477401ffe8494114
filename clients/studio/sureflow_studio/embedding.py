"""Counts of many samples in two dimensions: principal components of logarithms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def logs(counts: npt.ArrayLike) -> Numbers:
    """Return ``log(1 + count)``."""
    found: Numbers = np.log1p(np.maximum(np.asarray(counts, dtype=np.float64), 0))
    return found


def principal(values: Numbers) -> tuple[Numbers, Numbers]:
    """Return the first two principal components of samples ``[n, d]``.

    Returns:
        Places of the samples ``[n, 2]``, the largest component of each axis to the right or up, and
        the share of the variance that each of the two axes has, ``[2]``.
    """
    centred = values - values.mean(0)
    left, lengths, right = np.linalg.svd(centred, full_matrices=False)
    places, shares = np.zeros((len(values), 2)), np.zeros(2)
    total = float(np.square(lengths).sum())
    for axis in range(min(2, len(lengths)) if total > 0 else 0):
        sign = 1.0 if right[axis][np.abs(right[axis]).argmax()] >= 0 else -1.0
        places[:, axis] = sign * left[:, axis] * lengths[axis]
        shares[axis] = lengths[axis] ** 2 / total
    return places, shares


def most_varied(values: Numbers, count: int) -> npt.NDArray[np.intp]:
    """Return the numbers of the components that vary most, so many of them, ascending."""
    order = np.argsort(-values.var(0), kind="stable")[:count]
    return np.sort(order)
