"""Cells that are asked for."""

from __future__ import annotations

from collections import Counter

from benchmarks.crystals.collect import held_out
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
