"""Crystals that are drawn for the benchmark."""

from __future__ import annotations

import numpy as np

from benchmarks.crystals.drawn import draw, held_out
from sureflow.checkpoint import load
from sureflow.evaluation.crystals.known import shipped
from sureflow.folders import embedded_folder


def test_cells_are_those_of_compounds_that_were_held_out() -> None:
    crystals = shipped()
    cells = held_out(crystals)
    assert len(cells) == len({*cells})
    out = [
        tuple(c.species.tolist())
        for c, flag in zip(crystals.crystals(), crystals.held_out, strict=True)
        if flag
    ]
    assert {*cells} == {*out}
    assert {len(cell) for cell in cells} == {2, 3, 4, 5, 6}


def test_they_are_drawn_of_the_model_that_ships_and_are_the_same_alone() -> None:
    model, scores = load(embedded_folder() / "crystals"), ("renoised_nll", "trajectory")
    cells = [(12, 9, 9), (11, 17)]
    found = list(draw(model, cells, 2, 0, scores))
    assert [each.composition for each in found] == ["MgF2", "MgF2", "NaCl", "NaCl"]
    assert [each.crystal.species.tolist() for each in found[::2]] == [[12, 9, 9], [11, 17]]
    assert all({*each.scores} == {*scores} for each in found)
    (alone, _) = draw(model, cells[:1], 2, 0, scores)
    np.testing.assert_array_equal(alone.crystal.frac, found[0].crystal.frac)
    assert alone.scores == found[0].scores
    assert not np.array_equal(found[0].crystal.frac, found[1].crystal.frac)
