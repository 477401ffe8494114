"""Whether one reading of a network leaves less unexplained than another, and not by chance.

Both are looked at on the same draws, so that what is common to them, most of it the spread of the
data themselves, drops out of the difference.
"""

from __future__ import annotations

from math import copysign, inf

from torch import Tensor

EVIDENCE = 3.0
"""Standard errors by which the losses of draws have to differ."""

INTERVALS, MOST = 5, 3
"""Intervals of time, and in how many of them a reading has to be ahead. The right reading is ahead
wherever two differ; a network that was trained little may by luck suit another one for a while. See
``tests/models/training/test_trained_little.py``."""


def lead(own: Tensor, other: Tensor) -> float:
    """Standard errors by which losses ``other [n]`` are below ``own [n]``, of the same draws."""
    by = (own - other).double()
    ahead, error = float(by.mean()), float(by.std()) / len(by) ** 0.5
    return ahead / error if error else copysign(inf, ahead) if ahead else 0.0


def clearly_ahead(own: Tensor, other: Tensor) -> bool:
    """Whether the losses ``other [n]`` are clearly below ``own [n]``; draws ascend in time."""
    by = (own - other).double().reshape(INTERVALS, -1).mean(1)
    return lead(own, other) > EVIDENCE and int((by > 0).sum()) >= MOST
