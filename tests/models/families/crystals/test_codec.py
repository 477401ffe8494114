"""The forms in which crystals travel."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from sureflow.core.crystal import VECTORS
from sureflow.families.crystals import FAMILY
from sureflow.families.crystals.codec import extended_xyz, structure
from sureflow.model import Model

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


def test_without_gemmi_tables_are_served(crystals: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sureflow.families.crystals.cif.find_spec", lambda name: None)
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
