"""Crystals of samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sureflow.core.crystal import VECTORS, species_of
from sureflow.core.lane import Array, Sample
from sureflow.training.crystals.crystal import Crystal


def crystals_of(samples: Sequence[Sample]) -> list[Crystal]:
    """The crystals of samples, see :func:`crystal_of`.

    Raises:
        ValueError: A sample is no table, or is not finite.
    """
    return [crystal_of(sample.data) for sample in samples]


def crystal_of(table: Array) -> Crystal:
    """The crystal of a table, see :mod:`sureflow.core.crystal`.

    Raises:
        ValueError: It is none, or is not finite.
    """
    if table.ndim != 2 or table.shape[1] != 4 or len(table) <= VECTORS:
        raise ValueError(
            f"a sample of shape {list(table.shape)} is no crystal, which has [3 + n, 4]"
        )
    if not np.isfinite(table).all():
        raise ValueError("the crystal is not finite")
    rows = table[:, :3].astype(np.float64)
    return Crystal(rows[:VECTORS], rows[VECTORS:], species_of(table))
