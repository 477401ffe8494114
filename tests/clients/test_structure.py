"""Crystals as the client has them, and how atoms are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.core.elements import ROWS, SYMBOLS
from sureflow_client import NotAnImage, Structure
from sureflow_client._elements import UNKNOWN_COLOUR, _place, colour, radius
from sureflow_client._structure import drawing, structure_of
from sureflow_client._trajectory import View

SALT = Structure(4.2 * np.eye(3), ("Cs", "Cl"), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


def test_elements_are_those_of_the_table_of_the_library() -> None:
    for number, (symbol, row) in enumerate(zip(SYMBOLS, ROWS, strict=True), 1):
        assert _place(number) == (int(row[2]), int(row[1])), symbol
        if row[4] != "-":
            assert radius(symbol) == float(row[4])
    assert colour("Xx") == UNKNOWN_COLOUR
    assert colour("Ba") != colour("Ti") != colour("O")


def test_atoms_on_a_face_are_on_the_opposite_one_too() -> None:
    """Cesium has eight corners; chlorine is alone in the middle."""
    atoms = SALT.atoms()
    assert [atom.symbol for atom in atoms].count("Cs") == 8
    (middle,) = [atom for atom in atoms if atom.symbol == "Cl"]
    assert middle.place == pytest.approx((2.1, 2.1, 2.1))
    corners = {tuple(np.round(atom.place, 6)) for atom in atoms if atom.site == 0}
    assert corners == {(x, y, z) for x in (0, 4.2) for y in (0, 4.2) for z in (0, 4.2)}


def test_a_cell_has_twelve_edges_with_its_lengths_and_angles() -> None:
    lattice = np.array([[3.0, 0, 0], [0, 4, 0], [0, 0, 5]])
    crystal = Structure(lattice, ("O", "O"), np.zeros((2, 3)))
    lengths = sorted(float(np.linalg.norm(end - start)) for start, end in crystal.edges())
    assert lengths == [3] * 4 + [4] * 4 + [5] * 4
    np.testing.assert_allclose(crystal.lengths, [3, 4, 5])
    np.testing.assert_allclose(crystal.angles, 90)
    assert crystal.formula == "O2"


@pytest.mark.parametrize("seed", range(5))
def test_one_looks_from_where_most_is_seen(seed: int) -> None:
    lattice = np.random.default_rng(seed).normal(size=(3, 3))
    sight = Structure(lattice, (), np.zeros((0, 3))).sight()
    np.testing.assert_allclose(sight @ sight.T, np.eye(3), atol=1e-9)
    normals = np.cross(lattice[[1, 2, 0]], lattice[[2, 0, 1]])
    areas = np.linalg.norm(normals, axis=1)
    normal = normals[areas.argmax()] / areas.max()
    assert abs(normal @ sight[2]) > 0.5


def test_a_drawing_has_the_colours_of_the_elements() -> None:
    image = drawing(SALT)
    pixels = np.asarray(image).reshape(-1, 3).astype(int)
    for symbol in SALT.species:
        wanted = [int(colour(symbol)[at : at + 2], 16) for at in (1, 3, 5)]
        assert (np.abs(pixels - wanted).max(1) < 8).any(), symbol


def test_what_is_no_crystal_is_refused() -> None:
    named = {"lattice": np.eye(3).tolist(), "species": ["O"], "frac": [[0, 0, 0]]}
    assert structure_of(named).species == ("O",)
    for wrong in ([1.0], {"formula": "O"}, {**named, "species": ["O", "O"]}):
        with pytest.raises(NotAnImage):
            structure_of(wrong)


def test_states_of_a_trajectory_may_have_names() -> None:
    seen = {"step": 0, "t": 0.0, "rate": None, "uncertainty": None, "state": {"formula": "MgO"}}
    assert View.model_validate(seen).state == {"formula": "MgO"}
