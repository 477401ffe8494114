"""The commit point of a trajectory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sureflow.lane import Array, Commit

REMAINING = 0.25


def commit_point(t: Array, rate: Array) -> Commit:
    """The last time at which more than a quarter of the sample's variance was still open.

    With ``tr C1(t) = (1 - t)^2 tr Sigma(t)``, the variance of the final sample given the state at
    ``t``, this is the end of the last step that began with ``tr C1 > 0.25 tr C1(0)``. On Gaussian
    mixtures it has rank correlation 0.997 with the time at which the final mode is settled.

    Args:
        t: Start times of the steps ``[n]``, ascending from 0.
        rate: ``tr Sigma`` at those times ``[n]``.
    """
    open_steps = np.flatnonzero(is_open(t, rate))
    step = int(open_steps[-1]) + 1 if len(open_steps) else 0
    time = round(float(t[step]), 6) if step < len(t) else 1.0
    return Commit(time, step)


def is_open(t: Array, rate: Array) -> npt.NDArray[np.bool_]:
    """Which steps began with more than a quarter of the first one's variance still open, ``[n]``.

    The first may be followed by any selection of the others.
    """
    remaining = (1 - t) ** 2 * rate
    opened: npt.NDArray[np.bool_] = remaining > REMAINING * remaining[0]
    return opened
