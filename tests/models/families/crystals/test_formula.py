"""Compositions as people write them."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.families.crystals.formula import elements, formula_of, stratum, symbol_of, unit


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("MgF2", [12, 9, 9]),
        ("Mg2F4", [12, 9, 9]),
        ("CaTiO3", [20, 22, 8, 8, 8]),
        ("Cl", [17]),
        ("OHO", [8, 8, 1]),
    ],
)
def test_a_formula_is_its_smallest_unit(written: str, found: list[int]) -> None:
    assert unit(written) == found


@pytest.mark.parametrize("written", ["", "mgF2", "Mg(OH)2", "MgF2!", "Xx2", "Mg0F2", "F1000"])
def test_what_is_no_formula_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"formula|element"):
        unit(written)


def test_elements_have_names_and_numbers() -> None:
    assert elements("Mg F F") == [12, 9, 9]
    assert formula_of([12, 9, 9]) == "MgF2"
    assert (symbol_of(0), symbol_of(26)) == ("X", "Fe")
    with pytest.raises(ValueError, match="Qq"):
        elements("Mg Qq")


@pytest.mark.parametrize(
    ("species", "name"),
    [
        ([12, 9, 9], "*3 AB2"),
        ([9, 12, 9], "*3 AB2"),
        ([11, 11, 17, 17], "*4 AB"),
        ([20, 22, 8, 8, 8], "*5 ABC3"),
        ([0, 0], ""),
    ],
)
def test_a_stratum_is_number_of_atoms_and_stoichiometry(species: list[int], name: str) -> None:
    assert stratum(np.array(species, np.float32)) == name
