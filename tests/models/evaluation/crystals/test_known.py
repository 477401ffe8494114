"""Compositions, tables of samples, and energies above what is known."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.evaluation.crystals.formula import formula_of
from sureflow.evaluation.crystals.known import Known, known, shipped
from sureflow.evaluation.crystals.samples import crystals_of
from tests.models.evaluation.crystals.made_up import rock_salt, simple
from tests.server.samples import finished

SALT = rock_salt(5.6, 11, 17)


def test_a_formula_is_of_the_smallest_unit() -> None:
    assert formula_of(np.array([8, 22, 8])) == ((8, 2), (22, 1))
    assert formula_of(np.array([8, 8, 22, 8, 8, 22])) == ((8, 2), (22, 1))
    assert formula_of(np.array([26, 26])) == ((26, 1),)


def test_energies_are_above_the_best_of_the_composition() -> None:
    double = simple(5.0, [11, 17, 11, 17], [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])
    table = Known.of([(SALT, -3.0), (double, -3.5), (rock_salt(4, 3, 9), -9.0)])
    assert table.above(SALT, -3.0) == pytest.approx(0.5)
    assert table.above(SALT, -4.0) == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="no polymorph of this composition is known"):
        table.above(rock_salt(4, 3, 17), -1.0)


def test_what_ships_is_above_itself_as_the_file_says() -> None:
    table = known()
    crystals = shipped()
    for crystal, energy, above in zip(
        crystals.crystals(), crystals.energy, crystals.above, strict=True
    ):
        assert table.above(crystal, float(energy)) == pytest.approx(above, abs=1e-12)


def test_a_sample_is_read_as_a_table() -> None:
    table = np.zeros((5, 4), np.float32)
    table[:3, :3] = SALT.lattice
    table[3:, :3] = SALT.frac
    table[3:, 3] = SALT.species
    (read,) = crystals_of([finished(data=table)])
    np.testing.assert_allclose(read.lattice, SALT.lattice, rtol=1e-6)
    np.testing.assert_array_equal(read.frac, SALT.frac)
    assert read.species.tolist() == [11, 17]


@pytest.mark.parametrize("shape", [(2,), (3, 4), (4, 3), (1, 5, 4)])
def test_other_samples_are_no_crystals(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is no crystal"):
        crystals_of([finished(data=np.zeros(shape, np.float32))])


def test_a_crystal_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        crystals_of([finished(data=np.full((4, 4), np.nan, np.float32))])
