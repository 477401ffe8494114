"""Six numbers of a cell: any are one, turned lattices have the same, and they come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, logm
from scipy.spatial.transform import Rotation

from sureflow.core.cell import CENTRE, DEVIATION, SYMMETRIC, TRIANGLE, lattice_of, numbers_of

NUMBERS = st.lists(st.floats(-3, 3), min_size=6, max_size=6).map(np.array)


@given(NUMBERS)
@settings(max_examples=50, deadline=None)
def test_every_six_numbers_are_a_cell_and_come_back(numbers: np.ndarray) -> None:
    lattice = lattice_of(numbers)
    assert np.linalg.det(lattice) > 0
    np.testing.assert_array_equal(np.triu(lattice, 1), 0)
    np.testing.assert_allclose(numbers_of(lattice), numbers, atol=1e-8)


@given(NUMBERS, st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_a_turned_lattice_has_the_same_numbers(numbers: np.ndarray, seed: int) -> None:
    turn = Rotation.random(rng=seed).as_matrix()
    np.testing.assert_allclose(numbers_of(lattice_of(numbers) @ turn.T), numbers, atol=1e-8)


def test_they_are_half_the_logarithm_of_the_metric() -> None:
    lattice = np.array([[4.0, 0, 0], [1.0, 3.5, 0], [-0.5, 0.7, 5.0]])
    s = logm(lattice @ lattice.T) / 2
    np.testing.assert_allclose(numbers_of(lattice), (s[TRIANGLE] - CENTRE) / DEVIATION, atol=1e-10)
    again = (numbers_of(lattice) * DEVIATION + CENTRE)[list(SYMMETRIC)].reshape(3, 3)
    np.testing.assert_allclose(expm(2 * again), lattice @ lattice.T, rtol=1e-10)


@pytest.mark.parametrize("lattice", [np.ones((3, 3)), np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_vectors_in_a_plane_are_no_cell(lattice: np.ndarray) -> None:
    with pytest.raises(ValueError, match="span no volume"):
        numbers_of(lattice)
