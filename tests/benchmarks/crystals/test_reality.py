"""Crystals of files: read as primitive cells, and disturbed as it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.crystals.reality import SHAKEN, _read, _shaken, _stretched
from sureflow.core.crystal import VECTORS

pytest.importorskip("gemmi")

SALT = """data_salt
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
Cl1 Cl 0.5 0.5 0.5
Na1 Na 0 0 0
"""


def test_a_conventional_cell_is_read_as_a_primitive_one(tmp_path: Path) -> None:
    (tmp_path / "salt.cif").write_text(SALT)
    (tmp_path / "broken.cif").write_text("data_broken\n_cell_length_a what\n")
    (tmp_path / "copper.cif").write_text(
        SALT.replace("Na1 Na 0 0 0\n", "").replace("Cl1 Cl", "Cu1 Cu")
    )
    (table,) = _read(tmp_path)
    assert table[VECTORS:, 3].tolist() == [11, 17]
    lattice = table[:VECTORS, :3].astype(np.float64)
    assert abs(np.linalg.det(lattice)) == pytest.approx(5.64**3 / 4, rel=1e-5)
    np.testing.assert_allclose(np.abs(table[VECTORS, :3] - table[VECTORS + 1, :3]), 0.5, atol=1e-5)


def test_a_disturbed_crystal_has_its_cell_moved_or_its_atoms() -> None:
    lattice = np.pad(4 * np.eye(3), ((0, 0), (0, 1)))
    atoms = np.column_stack([np.full((2000, 3), 0.5), np.full(2000, 11)])
    table = np.concatenate([lattice, atoms]).astype(np.float32)
    moved = _shaken(table, np.random.default_rng(0))
    apart = (moved - table)[VECTORS:, :3] @ lattice[:, :3]
    assert np.sqrt(np.square(apart).sum(1).mean()) == pytest.approx(SHAKEN, rel=0.05)
    assert np.array_equal(moved[:VECTORS], table[:VECTORS])
    np.testing.assert_allclose(_stretched(table)[:VECTORS, :3], 4.4 * np.eye(3), rtol=1e-6)
