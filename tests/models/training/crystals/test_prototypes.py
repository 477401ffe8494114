"""The prototypes have the distances and coordinations of the structures that they are named by."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.core.arrays import Floats
from sureflow.training.crystals.prototypes import BY_KIND, Prototype, shortest

ALL = {p.name: p for prototypes in BY_KIND.values() for p in prototypes}


def neighbours(prototype: Prototype, lattice: Floats) -> dict[tuple[int, int], int]:
    """Nearest neighbours of the first atom of each element that are of another one."""
    offsets = np.array(np.meshgrid(*[range(-3, 4)] * 3)).reshape(3, -1).T
    between = prototype.frac[None, :, None] + offsets - prototype.frac[:, None, None]
    lengths = np.linalg.norm(between @ lattice, axis=-1)
    lengths[lengths < 1e-9] = np.inf
    sites = np.array(prototype.sites)
    found = {}
    for one in sorted({*sites.tolist()}):
        for other in sorted({*sites.tolist()}):
            to = lengths[sites.tolist().index(one)][sites == other]
            found[one, other] = int((to < 1.02 * to.min()).sum())
    return found


def ideal(name: str, *radii: float) -> dict[tuple[int, int], int]:
    return neighbours(ALL[name], ALL[name].lattice(radii))


@pytest.mark.parametrize(("name", "number"), [("A1", 12), ("A2", 8), ("A3", 12), ("A4", 4)])
def test_elements_have_their_coordination(name: str, number: int) -> None:
    assert ideal(name, 1.0)[0, 0] == number


def test_chains_and_layers_and_molecules() -> None:
    assert ideal("A7", 1.0)[0, 0] == 3
    assert ideal("A8", 1.0)[0, 0] == 2
    assert ideal("molecules", 1.0)[0, 0] == 1


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("B1", 6, 6),
        ("B2", 8, 8),
        ("B3", 4, 4),
        ("B4", 4, 4),
        ("B8", 6, 6),
        ("C1", 8, 4),
        ("C6", 6, 3),
        ("C19", 6, 3),
        ("3R-MoS2", 6, 3),
    ],
)
def test_compounds_have_their_coordination(name: str, first: int, second: int) -> None:
    found = ideal(name, 1.0, 1.0)
    assert (found[0, 1], found[1, 0]) == (first, second)


def test_in_rutile_six_anions_surround_a_cation() -> None:
    rutile = ALL["C4"]
    lattice = rutile.lattice((1.0, 1.0))
    sites = np.array(rutile.sites)
    offsets = np.array(np.meshgrid(*[range(-2, 3)] * 3)).reshape(3, -1).T
    between = rutile.frac[None, :, None] + offsets - rutile.frac[:, None, None]
    lengths = np.linalg.norm(between @ lattice, axis=-1)[0][sites == 1]
    assert int((lengths < 1.1 * lengths.min()).sum()) == 6


def test_perovskites_have_octahedra() -> None:
    assert ideal("E21", 1.6, 0.6, 1.4)[1, 2] == 6
    assert ideal("E21", 1.6, 0.6, 1.4)[0, 2] == 12
    assert ideal("E21-exchanged", 1.6, 0.6, 1.4)[0, 2] == 6
    assert ideal("P4mm", 1.6, 0.6, 1.4)[1, 2] == 1  # it has left its centre


@pytest.mark.parametrize("name", ALL)
def test_atoms_of_different_elements_touch_and_do_not_overlap(name: str) -> None:
    prototype = ALL[name]
    count = len({*prototype.sites})
    radii = np.array([1.3, 0.9, 0.7][:count])
    distances = shortest(prototype.lattice(radii.tolist()), prototype.frac)
    sums = np.add.outer(radii, radii)[np.ix_(prototype.sites, prototype.sites)]
    unlike = np.not_equal.outer(prototype.sites, prototype.sites) | (count == 1)
    assert (distances / sums)[unlike].min() == pytest.approx(1)
    assert ((prototype.frac >= 0) & (prototype.frac < 1)).all()


def test_distances_are_those_of_closed_forms() -> None:
    assert ALL["B1"].lattice((1.0, 1.0))[0, 1] == pytest.approx(2)  # half of an edge of 4
    edge = 2 * ALL["C1"].lattice((1.0, 1.0))[0, 1]
    assert edge == pytest.approx(2 * 4 / 3**0.5)
    hexagonal = ALL["B4"].lattice((1.0, 1.0))
    assert np.linalg.norm(hexagonal[2]) / np.linalg.norm(hexagonal[0]) == pytest.approx(1.633)
