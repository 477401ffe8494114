"""Crystals of samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sureflow.core.lane import Sample
from sureflow.training.crystals.crystal import Crystal

VECTORS = 3
"""Rows of a table with a lattice vector each."""


def crystals_of(samples: Sequence[Sample]) -> list[Crystal]:
    """The crystals that samples are tables of.

    A table is ``[3 + n, 4]``: three lattice vectors in angstrom, each with a 0, then fractional
    coordinates, each with an atomic number.

    Raises:
        ValueError: A sample is no such table, or is not finite.
    """
    return [_crystal(np.asarray(sample.data, dtype=np.float64)) for sample in samples]


def _crystal(table: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Crystal:
    if table.ndim != 2 or table.shape[1] != 4 or len(table) <= VECTORS:
        raise ValueError(
            f"a sample of shape {list(table.shape)} is no crystal, which has [3 + n, 4]"
        )
    if not np.isfinite(table).all():
        raise ValueError("the crystal is not finite")
    atoms = table[VECTORS:]
    return Crystal(table[:VECTORS, :3], atoms[:, :3], atoms[:, 3].astype(np.int64))
