"""Simple crystal structures, each in one fixed cell setting and order of atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from sureflow.core.arrays import Floats

IMAGES: Floats = np.array(list(product((-1.0, 0.0, 1.0), repeat=3)))
"""Offsets of a cell and of its 26 neighbours."""


@dataclass(frozen=True, eq=False)
class Prototype:
    """A structure whose atoms and size are still open.

    Attributes:
        name: Strukturbericht symbol where there is one.
        shape: Lattice vectors as rows, in units of the first lattice constant, ``[3, 3]``.
        sites: For each atom, the position of its element among those of the composition, ``[n]``.
        frac: Fractional coordinates, ``[n, 3]``.
    """

    name: str
    shape: Floats
    sites: tuple[int, ...]
    frac: Floats

    def lattice(self, radii: Sequence[float]) -> Floats:
        """Lattice vectors, ``[3, 3]``, in the unit of the radii.

        They are the shortest at which no two atoms of different elements are nearer than the sum of
        their radii. In a crystal of one element, that holds for any two atoms.

        Args:
            radii: Radius of each element of the composition.
        """
        sums = np.add.outer(radii, radii)[np.ix_(self.sites, self.sites)]
        alike = np.equal.outer(self.sites, self.sites)
        counted = np.ones_like(alike) if len(radii) == 1 else ~alike
        scale = float((sums / shortest(self.shape, self.frac))[counted].max())
        return self.shape * scale


def shortest(lattice: Floats, frac: Floats) -> Floats:
    """Shortest distance from each atom to the next image of each, itself included, ``[n, n]``."""
    between = frac[:, None] - frac[None]
    between -= np.round(between)
    lengths = np.linalg.norm((between[:, :, None] + IMAGES) @ lattice, axis=-1)
    lengths[lengths < 1e-9] = np.inf
    shortest: Floats = lengths.min(-1)
    return shortest


def _face_centred() -> Floats:
    return np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def _body_centred() -> Floats:
    return np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])


def _hexagonal(ratio: float) -> Floats:
    return np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, ratio]])


def _rhombohedral(ratio: float) -> Floats:
    """The primitive cell of a hexagonal one with that ratio of lengths, a third as large."""
    obverse = np.array([[2, 1, 1], [-1, 1, 1], [-1, -2, 1]]) / 3
    return obverse @ _hexagonal(ratio)


def _tetragonal(ratio: float) -> Floats:
    return np.diag([1, 1, ratio])


def _prototype(name: str, shape: Floats, *atoms: tuple[int, Sequence[float]]) -> Prototype:
    sites, frac = zip(*atoms, strict=True)
    return Prototype(name, shape, sites, np.array(frac, dtype=np.float64) % 1)


def _diagonal(value: float) -> tuple[float, float, float]:
    return (value, value, value)


_ORIGIN, _CENTRE = _diagonal(0), _diagonal(0.5)
_THIRD, _OTHER_THIRD = (1 / 3, 2 / 3), (2 / 3, 1 / 3)
_FACES = ((0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5))
_EDGES = ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))

ELEMENTS = (
    _prototype("A1", _face_centred(), (0, _ORIGIN)),
    _prototype("A2", _body_centred(), (0, _ORIGIN)),
    _prototype("A3", _hexagonal(1.633), (0, (*_THIRD, 0.25)), (0, (*_OTHER_THIRD, 0.75))),
    _prototype("A4", _face_centred(), (0, _ORIGIN), (0, _diagonal(0.25))),
    _prototype("A7", _rhombohedral(2.6), (0, _diagonal(0.23)), (0, _diagonal(0.77))),
    _prototype(
        "A8", _hexagonal(1.13), (0, (0.23, 0, 1 / 3)), (0, (0, 0.23, 2 / 3)), (0, (0.77, 0.77, 0))
    ),
    # Molecules of two atoms along the axis, as in the beta phase of oxygen.
    _prototype("molecules", _rhombohedral(3.4), (0, _diagonal(0.055)), (0, _diagonal(0.945))),
)
"""Structures of elements."""

AB = (
    _prototype("B1", _face_centred(), (0, _ORIGIN), (1, _CENTRE)),
    _prototype("B2", _tetragonal(1), (0, _ORIGIN), (1, _CENTRE)),
    _prototype("B3", _face_centred(), (0, _ORIGIN), (1, _diagonal(0.25))),
    _prototype(
        "B4",
        _hexagonal(1.633),
        (0, (*_THIRD, 0)),
        (0, (*_OTHER_THIRD, 0.5)),
        (1, (*_THIRD, 0.375)),
        (1, (*_OTHER_THIRD, 0.875)),
    ),
    _prototype(
        "B8",
        _hexagonal(1.5),
        (0, _ORIGIN),
        (0, (0, 0, 0.5)),
        (1, (*_THIRD, 0.25)),
        (1, (*_OTHER_THIRD, 0.75)),
    ),
)
"""Structures of two elements, one to one."""

AB2 = (
    _prototype("C1", _face_centred(), (0, _ORIGIN), (1, _diagonal(0.25)), (1, _diagonal(0.75))),
    _prototype(
        "C6", _hexagonal(1.6), (0, _ORIGIN), (1, (*_THIRD, 0.25)), (1, (*_OTHER_THIRD, 0.75))
    ),
    _prototype("C19", _rhombohedral(4.6), (0, _ORIGIN), (1, _diagonal(0.25)), (1, _diagonal(0.75))),
    _prototype(
        "3R-MoS2", _rhombohedral(5.8), (0, _ORIGIN), (1, _diagonal(0.25)), (1, _diagonal(5 / 12))
    ),
    _prototype(
        "C4",
        _tetragonal(0.65),
        (0, _ORIGIN),
        (0, _CENTRE),
        (1, (0.305, 0.305, 0)),
        (1, (0.695, 0.695, 0)),
        (1, (0.805, 0.195, 0.5)),
        (1, (0.195, 0.805, 0.5)),
    ),
)
"""Structures of two elements, one to two; the first is the one that there is less of."""

ABX3 = (
    _prototype("E21", _tetragonal(1), (0, _ORIGIN), (1, _CENTRE), *((2, at) for at in _FACES)),
    # The two cations have changed places.
    _prototype(
        "E21-exchanged", _tetragonal(1), (0, _ORIGIN), (1, _CENTRE), *((2, at) for at in _EDGES)
    ),
    # As lead titanate: the second cation has left its centre along the axis.
    _prototype(
        "P4mm",
        _tetragonal(1.05),
        (0, _ORIGIN),
        (1, (0.5, 0.5, 0.54)),
        (2, (0.5, 0.5, 0.97)),
        (2, (0.5, 0, 0.48)),
        (2, (0, 0.5, 0.48)),
    ),
)
"""Structures of perovskites."""

BY_KIND: Mapping[str, tuple[Prototype, ...]] = {
    "A": ELEMENTS,
    "AB": AB,
    "AB2": AB2,
    "A2B": AB2,
    "ABX3": ABX3,
}
"""The structures that a kind of composition is tried in."""
