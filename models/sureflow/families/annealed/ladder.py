"""The ladder of temperatures of one lane: how it is tuned, and read between its rungs.

Source: Syed et al., Non-reversible parallel tempering: a scalable highly parallel MCMC scheme
(2022), section 5: neighbours swap equally often where the rungs lie at equal steps of the
cumulative rejection.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats

LEAST = 1e-3
"""Rejection that every pair is taken to have at least, so that the ladder stays in order."""


def retuned(beta: Floats, refused: Floats) -> Floats:
    """The ladder ``[R]`` at equal steps of the barrier, by the mean rejections ``[R - 1]``."""
    barrier = np.concatenate([[0.0], np.cumsum(np.maximum(refused, LEAST))])
    wanted = np.linspace(0, barrier[-1], len(beta))
    found: Floats = np.interp(wanted, barrier, beta)
    found[0], found[-1] = beta[0], beta[-1]
    return found


def sizes_at(beta: Floats, before: Floats, size: Floats) -> Floats:
    """Step sizes at other rungs ``[m]`` than those ``before`` that have them, ``[R]``."""
    return np.exp(np.interp(beta, before, np.log(size)))


def at(place: float, rungs: Floats) -> float:
    """The value between rungs ``[R]``, at a place from 0, the hottest, to 1."""
    return float(np.interp(place * (len(rungs) - 1), np.arange(len(rungs)), rungs))
