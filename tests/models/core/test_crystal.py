"""States and tables of crystals."""

from __future__ import annotations

import numpy as np

from sureflow.core.crystal import CELL, SCALE, VECTORS, species_of, state_of, table_of


def test_a_table_has_the_crystal_of_its_state_with_wrapped_coordinates() -> None:
    rng = np.random.default_rng(0)
    state = (3 * rng.standard_normal((CELL + 4, 3))).astype(np.float32)
    table = table_of(state, np.array([12, 9, 9, 8]))
    assert table.shape == (VECTORS + 4, 4)
    assert (species_of(table) == [12, 9, 9, 8]).all()
    assert (table[VECTORS:, :3] >= 0).all()
    assert (table[VECTORS:, :3] < 1).all()
    again = state_of(table)
    np.testing.assert_allclose(again[:CELL], state[:CELL], atol=1e-4)
    turns = (again[CELL:] - state[CELL:]) / SCALE
    np.testing.assert_allclose(turns, turns.round(), atol=1e-5)


def test_a_coordinate_just_below_0_is_not_1() -> None:
    state = np.full((CELL + 1, 3), -1e-9, np.float32)
    assert (table_of(state, np.array([1]))[VECTORS:, :3] < 1).all()


def test_what_is_not_finite_stays_so() -> None:
    state = np.full((CELL + 1, 3), np.nan, np.float32)
    assert np.isnan(table_of(state, np.array([1]))).all()
