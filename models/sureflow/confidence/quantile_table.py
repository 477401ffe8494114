"""Tables of quantiles, and the rank of a value among the draws that a table is of."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

import numpy as np

from sureflow.core.arrays import Floats

LEVELS = 257
"""Quantiles stored per table; enough to place a sample within half a percent."""

FARTHEST = 1e6
"""Ranges of the table by which a rank may be outside of it."""


def tabulate(uncertainties: Floats) -> Floats:
    """Quantiles of reference uncertainties ``[draws]``, ascending, ``[LEVELS]``."""
    table: Floats = np.quantile(uncertainties, _levels(LEVELS))
    return table


def ranks_in(table: Floats, uncertainty: Floats) -> Floats:
    """Shares ``[n]`` of the draws of a table that are less sure than some ``[n]``.

    A rank is beyond 0 or 1 if the uncertainty is outside of all draws: ``rank - 1``, or ``-rank``,
    is its distance from the nearest, in units of the range of all. It is NaN without a number.
    """
    values = np.where(np.isfinite(uncertainty), uncertainty, np.nan)
    beyond = np.maximum(table[0] - values, 0.0) - np.maximum(values - table[-1], 0.0)
    inside = 1 - np.interp(values, table, _levels(len(table)))
    width = max(float(table[-1] - table[0]), sys.float_info.min)
    ranks: Floats = inside + beyond / np.maximum(width, np.abs(beyond) / FARTHEST)
    return ranks


def check_tables(quantiles: Mapping[str, Floats]) -> tuple[int, int]:
    """Return how many references and strata tables ``[R, S, LEVELS]`` have.

    Raises:
        ValueError: Their shapes do not fit together, or their values do not rise.
    """
    shapes = {table.shape for table in quantiles.values()}
    shape = next(iter(shapes))
    if len(shapes) != 1 or len(shape) != 3 or 0 in shape:
        raise ValueError(f"has shapes {sorted(shapes)}")
    for name, table in quantiles.items():
        known = table[np.isfinite(table).all(-1)]
        if not (np.diff(known) >= 0).all():
            raise ValueError(f"quantiles/{name} does not rise")
    return shape[0], shape[1]


@cache
def _levels(count: int) -> Floats:
    """This many levels, from 0 to 1."""
    return np.linspace(0, 1, count)
