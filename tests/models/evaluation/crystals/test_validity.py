"""What is impossible is called so."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.evaluation.crystals.validity import NEAREST, apart, charge_balanced, overlapping
from tests.models.evaluation.crystals.made_up import rock_salt, simple


def test_atoms_are_apart_across_the_border_of_the_cell() -> None:
    assert apart(rock_salt(5.6, 11, 17))
    for gap, expected in ((NEAREST * 0.9, False), (NEAREST * 1.1, True)):
        near = simple(4.0, [11, 17], [[0, 0, 0], [1 - gap / 4, 0, 0]])
        assert apart(near) == expected


def test_an_atom_is_apart_from_its_own_images() -> None:
    assert not apart(simple(NEAREST * 0.9, [11], [[0, 0, 0]]))


def test_a_flat_cell_is_none() -> None:
    flat = simple(4.0, [11], [[0, 0, 0]])
    flat.lattice[2] = [1e-3, 0, 1e-3]
    assert not apart(flat)


@pytest.mark.parametrize(("share", "expected"), [(0.45, True), (0.55, False)])
def test_atoms_overlap_by_their_radii(share: float, expected: bool) -> None:
    data = pytest.importorskip("ase.data")
    for z in (3, 55):
        gap = share * (data.covalent_radii[z] + data.covalent_radii[9])
        near = simple(9.0, [z, 9], [[0, 0, 0], [1 - gap / 9, 0, 0]])
        assert overlapping(near) == expected


@pytest.mark.parametrize(
    ("species", "expected"),
    [
        ([11, 17], True),  # NaCl
        ([12, 9, 9], True),  # MgF2
        ([22, 8, 8], True),  # TiO2
        ([38, 22, 8, 8, 8], True),  # SrTiO3
        ([11, 9, 9], False),  # NaF2
        ([12, 17], False),  # MgCl
        ([26], None),
        ([26, 26], None),
        ([26, 28], None),  # an alloy
    ],
)
def test_charges_add_up_or_not(species: list[int], expected: bool | None) -> None:
    pytest.importorskip("pymatgen")
    assert charge_balanced(np.array(species)) == expected
