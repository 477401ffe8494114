"""What makes a crystal possible at all, without a potential."""

from __future__ import annotations

from itertools import product

import numpy as np

from sureflow.core.arrays import Integers
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.prototypes import shortest

NEAREST = 0.5
"""Two atoms are farther apart than this, in angstrom (Xie et al. 2022)."""

OVERLAP = 0.5
"""Distance of two atoms, in sums of their covalent radii, below which they overlap."""

SMALLEST = 0.1
"""A cell is larger than this, in cubic angstrom (the same)."""


def apart(crystal: Crystal) -> bool:
    """Whether its atoms are apart, and its cell has a volume."""
    large = abs(np.linalg.det(crystal.lattice)) > SMALLEST
    return bool(large and shortest(crystal.lattice, crystal.frac).min() > NEAREST)


def overlapping(crystal: Crystal) -> bool:
    """Whether two atoms are nearer than half the sum of their covalent radii (Cordero et al. 2008).

    Potentials have learned nothing there, and their energies may be anything. In the crystals that
    ship within 0.3 eV/atom of the best no two atoms are nearer than 0.7 of the sum.
    """
    from ase.data import covalent_radii

    radii = covalent_radii[crystal.species]
    ratios = shortest(crystal.lattice, crystal.frac) / np.add.outer(radii, radii)
    return bool(ratios.min() < OVERLAP)


def charge_balanced(species: Integers) -> bool | None:
    """Whether common oxidation states of the elements, one each, can add up to zero.

    Args:
        species: Atomic numbers, ``[n]``.

    Returns:
        ``None`` where the question does not apply: for one element, and for metals alone.
    """
    from pymatgen.core import Element

    numbers, counts = np.unique(species, return_counts=True)
    elements = [Element.from_Z(int(number)) for number in numbers]
    if len(elements) == 1 or all(element.is_metal for element in elements):
        return None
    states = [element.common_oxidation_states for element in elements]
    sums = (np.dot(choice, counts) for choice in product(*states))
    return any(total == 0 for total in sums)
