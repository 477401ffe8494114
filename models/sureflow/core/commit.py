"""The commit points of a trajectory; free of torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sureflow.core.lane import Array, Commit

REMAINING = 0.25
"""Share of the first variance above which a sample counts as undecided."""

PROMINENCE = 0.2
"""Least prominence of a decision, as a share of the most prominent one."""

FAINT = 0.5
"""Least prominence of a decision, in e-folds per unit time. Below it, the remaining variance may
fall faster than that of the reference for other reasons."""

TINY = 1e-30
SAME = 1e-6
"""Times this close count as equal, since the times of steps are rounded to float32."""


def commit_point(t: Array, rate: Array) -> Commit:
    """The last time at which more than a quarter of the sample's variance remained.

    With ``tr C1(t) = (1 - t)^2 tr Sigma(t)``, the variance of the final sample given the state at
    ``t``, this is the end of the last step that began with ``tr C1 > 0.25 tr C1(0)``. On mixtures
    of two or three Gaussians it has rank correlation 0.997 with the time that fixes the mode.
    Steps start at times ``t [n]``, ascending from 0; ``rate [n]`` is ``tr Sigma`` at those times.
    """
    open_steps = np.flatnonzero(is_open(t, rate))
    step = int(open_steps[-1]) + 1 if len(open_steps) else 0
    time = round(float(t[step]), 6) if step < len(t) else 1.0
    return Commit(time, step)


def is_open(t: Array, rate: Array) -> npt.NDArray[np.bool_]:
    """Which steps began with more than a quarter of the first one's variance remaining, ``[n]``.

    The arrays must begin with the first step; which of the others follow does not matter.
    """
    remaining = (1 - t) ** 2 * rate
    opened: npt.NDArray[np.bool_] = remaining > REMAINING * remaining[0]
    return opened


def step_at(t: Array, time: float) -> int:
    """The last step, of those that begin at ``t [n]``, at or before a time; else the first."""
    return max(int(np.searchsorted(t, time + SAME, "right")) - 1, 0)


def commit_points(t: Array, rate: Array) -> list[Commit]:
    """The moments at which a sample decided something, its commit point first.

    The first is :func:`commit_point`. The others are the steps over which the remaining variance,
    ``(1 - t)^2 tr Sigma``, falls fastest compared with that of a sample of independent standard
    normal components. They are the local maxima of the relative drop per unit time whose prominence
    is at least a fifth of the largest one's, the most prominent first.
    """
    first = commit_point(t, rate)
    if len(t) < 4:
        return [first]
    times = t.astype(np.float64)
    square = (1 - times) ** 2
    open_share = np.log(np.maximum(square * rate, TINY)) - np.log(square / (square + times**2))
    drop = -np.diff(open_share) / np.diff(times)
    drop = np.convolve(np.pad(drop, 1, "edge"), np.full(3, 1 / 3), "valid")
    prominence = {
        step: drop[step] - max(drop[: step + 1].min(), drop[step:].min())
        for step in range(1, len(drop) - 1)
        if drop[step - 1] < drop[step] >= drop[step + 1]
    }
    least = max(FAINT, PROMINENCE * max(prominence.values(), default=0.0))
    found = [first]
    for step in sorted(prominence, key=lambda step: -prominence[step]):
        # The decision has been made at the end of the step.
        after = step + 1
        apart = all(abs(after - other.step) > 1 for other in found)
        if apart and prominence[step] >= least:
            found.append(Commit(round(float(t[after]), 6), after))
    return found
