"""Weights of multistep methods: of the velocity of this step, and of those of steps before.

``ab2`` extrapolates the velocity along the time: two-step Adams-Bashforth (Hairer, Norsett, Wanner:
Solving Ordinary Differential Equations I, III.5).

The exponential methods extrapolate the expected data ``D = x + (1 - t) v`` along ``l = log(signal /
noise)``, between which and the state the equation ``dx/dt = (D - x) / (1 - t)`` is linear. On the
clock of flows, from the time ``s`` to ``e``, it is ``x_e = x_s + (e - s) / (1 - s) (M - x_s)`` for
a mean ``M`` of data; with ``M = D_s``, Euler's method. ``dpmpp_2m`` is DPM-Solver++ (2M) of Lu et
al. (2022), algorithm 2; ``unipc`` is UniPC of Zhao et al. (2023) of order 2 with ``B(h) = e^h - 1``
and data prediction, whose evaluation corrects the step before. Both end by Euler's method, since
``l`` is infinite at ``t = 1``.

A lane remembers data as *velocities toward them*, ``u = (D - x) / (1 - t)`` from where it is now,
so that a step is a sum of velocities with these weights, as of any other method.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Flags, Floats


def adams_bashforth(h: Floats, last: Floats) -> Floats:
    """Weights ``[n, 2]`` of steps ``h [n]`` after steps ``last [n]``."""
    half = h / last / 2
    return np.stack([h * (1 + half), -h * half], 1)


def exponential(times: Floats, level: Floats, correcting: Flags, twice: Flags) -> Floats:
    """Weights ``[n, 3]`` of a step of the exponential methods.

    Args:
        times: Times ``[n, 4]`` of the evaluation before the previous one, of the previous one, of
            this one, and of the end of the step.
        level: ``l`` at these times; infinite where there is no noise, or no signal.
        correcting: Whether the method is ``unipc``, ``[n]``.
        twice: Whether there is an evaluation before the previous one, ``[n]``.
    """
    _, before, now, end = times.T
    l_before, l_now, l_end = level[:, 1:].T
    h, last = l_end - l_now, l_now - l_before
    ratio = np.zeros(len(times))
    np.divide(h, last, out=ratio, where=np.isfinite(h))  # 0 after an infinite step
    half = (end - now) * ratio / 2
    weights = np.stack([end - now + half, -half, np.zeros_like(half)], 1)
    if correcting.any():
        part = (now - before) / (1 - before) * (1 - end)
        weights += np.where(correcting, part, 0)[:, None] * _correction(level, twice)
    return weights


def _correction(level: Floats, twice: Flags) -> Floats:
    """Weights ``[n, 3]`` of the data in the correction of the previous step (UniC, section 3.1).

    They are differences to the weights by which that step was predicted.
    """
    l_earlier, l_before, l_now = level[:, :3].T
    weights = np.zeros((len(level), 3))
    weights[:, :2] = 0.5, -0.5
    two = np.flatnonzero(twice & np.isfinite(l_before))
    if len(two):
        last = l_now[two] - l_before[two]
        place = (l_earlier[two] - l_before[two]) / last
        size = -np.expm1(-last)
        first = (1 - size / last) / size
        second = 2 * (0.5 - (1 - size / last) / last) / size
        other = (first - second) / (1 - place)
        change = (other - 0.5) / place
        weights[two, 0] = first - other
        weights[two, 1] = -weights[two, 0] - change
        weights[two, 2] = change
    return weights
