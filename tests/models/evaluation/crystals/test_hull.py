"""The hull of made-up energies, by hand."""

from __future__ import annotations

import pytest

from sureflow.evaluation.crystals.hull import Hull
from sureflow.evaluation.crystals.known import Known
from tests.models.evaluation.crystals.made_up import rock_salt, simple

pytest.importorskip("pymatgen")

LI, O = 3, 8
PURE = {((LI, 1),): -2.0, ((O, 1),): -4.0}


def test_above_elements_it_is_the_energy_of_formation() -> None:
    hull = Hull(Known(PURE))
    assert hull.above(rock_salt(4.0, LI, O), -3.5) == pytest.approx(-0.5)
    assert hull.above(rock_salt(4.0, LI, O), -2.9) == pytest.approx(0.1)


def test_above_a_tie_line_of_compounds() -> None:
    hull = Hull(Known({**PURE, ((LI, 2), (O, 1)): -5.0}))
    # LiO between Li2O (three atoms) and oxygen: 2 LiO = Li2O + O, (3 * -5 + -4) / 4.
    expected = -3.0 - (3 * -5.0 + -4.0) / 4
    assert hull.above(rock_salt(4.0, LI, O), -3.0) == pytest.approx(expected)
    peroxide = simple(4.0, [LI, LI, O], [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0.5]])
    assert hull.above(peroxide, -5.0) == pytest.approx(0)
    assert hull.above(peroxide, -4.9) == pytest.approx(0.1)


def test_what_else_is_known_does_not_matter() -> None:
    hull = Hull(Known({**PURE, ((11, 1),): -9.0, ((11, 1), (O, 1)): -20.0}))
    assert hull.above(rock_salt(4.0, LI, O), -3.0) == pytest.approx(0)


def test_without_an_element_there_is_no_hull() -> None:
    hull = Hull(Known({((LI, 1),): -2.0, ((LI, 1), (O, 1)): -5.0}))
    assert hull.above(rock_salt(4.0, LI, O), -5.0) is None
