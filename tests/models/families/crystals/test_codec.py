"""The forms in which crystals travel."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from sureflow.core.crystal import VECTORS
from sureflow.families.crystals import FAMILY
from sureflow.families.crystals.codec import can_cif, cif, extended_xyz, structure, table_of_cif
from sureflow.model import Model

needs_gemmi = pytest.mark.skipif(not can_cif(), reason="needs gemmi, of the extra crystals")

TABLE = np.array(
    [
        [4.0, 0, 0, 0],
        [-1.5, 3.5, 0, 0],
        [0.7, 0.4, 5.2, 0],
        [0, 0, 0, 22],
        [0.25, 0.5, 0.125, 8],
        [0.75, 0.5, 0.875, 8],
    ],
    np.float32,
)


def test_a_structure_has_names() -> None:
    found = structure(TABLE)
    assert found["formula"] == "TiO2"
    assert found["species"] == ["Ti", "O", "O"]
    np.testing.assert_array_equal(found["frac"], TABLE[VECTORS:, :3])
    np.testing.assert_array_equal(found["lattice"], TABLE[:VECTORS, :3])


def test_extended_xyz_has_places_in_angstrom() -> None:
    count, second, *atoms = extended_xyz(TABLE).splitlines()
    assert int(count) == len(atoms) == 3
    assert 'pbc="T T T"' in second
    vectors = np.array(second.split('"')[1].split(), np.float64).reshape(3, 3)
    np.testing.assert_allclose(vectors, TABLE[:VECTORS, :3], atol=1e-6)
    symbols, places = zip(*((a.split()[0], a.split()[1:]) for a in atoms), strict=True)
    assert symbols == ("Ti", "O", "O")
    expected = TABLE[VECTORS:, :3] @ TABLE[:VECTORS, :3]
    np.testing.assert_allclose(np.array(places, np.float64), expected, atol=1e-5)


@needs_gemmi
def test_a_cif_comes_back() -> None:
    found = table_of_cif(cif(TABLE))
    np.testing.assert_allclose(found[VECTORS:], TABLE[VECTORS:], atol=1e-4)
    vectors = found[:VECTORS, :3]
    ours = TABLE[:VECTORS, :3]
    np.testing.assert_allclose(vectors @ vectors.T, ours @ ours.T, atol=1e-2)


@needs_gemmi
def test_symmetry_is_expanded() -> None:
    text = """data_rocksalt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na 0 0 0
Cl1 Cl 0.5 0.5 0.5
"""
    table = table_of_cif(text)
    assert sorted(table[VECTORS:, 3]) == [11] * 4 + [17] * 4


@needs_gemmi
@pytest.mark.parametrize("text", ["", "data_x\n_cell_length_a 3\n", "no cif"])
def test_what_is_no_crystal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"CIF|sites"):
        table_of_cif(text)


def test_without_gemmi_tables_are_served(crystals: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sureflow.families.crystals.codec.find_spec", lambda name: None)
    formats = FAMILY.codec.formats(crystals.card)
    assert formats[0] == "structure"
    assert "cif" not in formats
    assert "extxyz" in formats


def test_files_travel_in_base64_and_what_is_not_finite_not_at_all() -> None:
    text = base64.b64decode(FAMILY.codec.encode(TABLE, "extxyz")).decode()
    assert text == extended_xyz(TABLE)
    nan = np.full_like(TABLE, np.nan)
    for form in ("structure", "extxyz", "list"):
        assert FAMILY.codec.encode(nan, form) is None
