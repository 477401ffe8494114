"""Crystals as arrays: what a lane moves, and what a sample is. Free of torch.

A *state* is ``[CELL + n, 3]`` for ``n`` atoms: the six numbers of the cell
(:mod:`sureflow.core.cell`) in the first rows, then fractional coordinates times ``SCALE``, by which
uniform ones have unit variance. A *table* is ``[VECTORS + n, 4]``: three lattice vectors in
angstrom, each with a 0, then fractional coordinates in [0, 1), each with an atomic number.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sureflow.core.cell import lattice_of, numbers_of

CELL = 2
"""Rows of a cell in a state, of three numbers each."""

VECTORS = 3
"""Rows of a lattice in a table."""

SCALE = math.sqrt(12)
"""State per fractional coordinate."""

Array = npt.NDArray[np.float32]


def table_of(state: Array, species: npt.NDArray[np.generic]) -> Array:
    """The table of a state with these atomic numbers ``[n]``; NaN where the state is not finite."""
    table = np.zeros((VECTORS + len(species), 4), np.float32)
    if not np.isfinite(state).all():
        return np.full_like(table, np.nan)
    table[:VECTORS, :3] = lattice_of(state[:CELL].reshape(-1).astype(np.float64))
    wrapped = (state[CELL:].astype(np.float64) / SCALE % 1.0).astype(np.float32)
    table[VECTORS:, :3] = np.where(wrapped < 1, wrapped, 0)
    table[VECTORS:, 3] = species
    return table


def state_of(table: Array) -> Array:
    """The state of a table.

    Raises:
        ValueError: Its lattice vectors span no volume.
    """
    cell = numbers_of(table[:VECTORS, :3].astype(np.float64)).reshape(CELL, 3)
    return np.concatenate([cell, SCALE * table[VECTORS:, :3].astype(np.float64)]).astype(np.float32)


def species_of(table: Array) -> npt.NDArray[np.int64]:
    """The atomic numbers of a table, ``[n]``."""
    return table[VECTORS:, 3].astype(np.int64)
