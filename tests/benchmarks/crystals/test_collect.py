"""Cells that are asked for, and crystals that tables are."""

from __future__ import annotations

from collections import Counter

import numpy as np

from benchmarks.crystals.collect import drawn_of, held_out
from sureflow.evaluation.crystals.known import shipped


def test_cells_are_those_of_the_held_out_prototypes() -> None:
    crystals = shipped()
    cells = held_out(crystals)
    kept = {
        crystals.compositions[at] for at in crystals.composition[crystals.held_out == 1].tolist()
    }
    assert {formula for formula, _ in cells} == kept
    assert {*Counter(units for _, units in cells)} == {1, 2}
    doubled = {formula for formula, units in cells if units == 2}
    assert not any(formula.endswith("3") for formula in doubled)  # perovskites have one unit


def test_a_table_is_read() -> None:
    table = np.zeros((5, 4))
    table[:3, :3] = 4 * np.eye(3)
    table[3:] = [[0, 0, 0, 11], [0.5, 0.5, 0.5, 17]]
    drawn = drawn_of(table, "NaCl", {"own": 1.0}, 7)
    assert drawn.crystal.species.tolist() == [11, 17]
    np.testing.assert_array_equal(drawn.crystal.lattice, 4 * np.eye(3))
    np.testing.assert_array_equal(drawn.crystal.frac[1], 0.5)
    assert (drawn.composition, drawn.scores, drawn.seed) == ("NaCl", {"own": 1.0}, 7)
