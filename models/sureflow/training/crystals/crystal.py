"""A periodic structure."""

from __future__ import annotations

from dataclasses import dataclass

from sureflow.core.arrays import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """A periodic structure.

    Attributes:
        lattice: Lattice vectors as rows, in angstrom, ``[3, 3]``.
        frac: Fractional coordinates, ``[n, 3]``.
        species: Atomic numbers, ``[n]``.
    """

    lattice: Floats
    frac: Floats
    species: Integers
