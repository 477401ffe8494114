"""Real crystals among draws that are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.crystals import recovery
from benchmarks.crystals.drawn import Drawn
from benchmarks.report import Report
from sureflow.core.lane import Array
from sureflow.model import Model
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.crystal_set import CrystalSet
from tests.models.evaluation.crystals.made_up import moved, rock_salt, simple

pytest.importorskip("pymatgen")

MODEL = cast(Model, None)
BODY = [[0.0] * 3, [0.5] * 3]


def table(crystal: Crystal) -> Array:
    rows = np.column_stack([crystal.frac, crystal.species])
    lattice = np.pad(crystal.lattice, ((0, 0), (0, 1)))
    return np.concatenate([lattice, rows]).astype(np.float32)


SALT, OXIDE, CHLORIDE = rock_salt(5.64, 11, 17), rock_salt(4.21, 8, 12), rock_salt(6.3, 17, 19)
CESIUM = simple(3.5, (11, 17), BODY)


def draws(model: Any, cells: Any, each: int, seed: int, scores: Any) -> Iterator[Drawn]:
    """The real salt is the last of the unsure ones, the oxide the surest, the chloride nowhere."""
    for cell in cells:
        real = {(11, 17): SALT, (8, 12): OXIDE, (17, 19): CHLORIDE}[cell]
        for number in range(each):
            other = simple(3.5, cell, BODY)
            hit = (cell == (11, 17) and number == each - 1) or (cell == (8, 12) and number == 3)
            score = -1.0 if cell == (8, 12) and number == 3 else float(number)
            crystal = moved(real, 0, seed=number) if hit else other
            crystal = crystal if crystal.species.tolist() == [*cell] else _sorted(crystal)
            yield Drawn(crystal, "", {"own": score}, seed)


def _sorted(crystal: Crystal) -> Crystal:
    order = np.argsort(crystal.species)
    return Crystal(crystal.lattice, crystal.frac[order], crystal.species[order])


def test_real_crystals_are_looked_for_among_all_draws_and_the_surest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "draw", draws)
    tables = [table(each) for each in (SALT, OXIDE, CHLORIDE, CESIUM)]
    every, surest = recovery.recovered(MODEL, tables, "own")
    assert every.tolist() == [True, True, False, True]
    assert surest.tolist() == [False, True, False, True]


def test_they_are_counted_by_what_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "draw", draws)

    class Known:
        """Salt was trained in our set, the oxide held out of it."""

        prototypes = ("B1",)
        prototype, held_out = np.array([0, 0]), np.array([False, True])

        def crystals(self) -> list[Crystal]:
            return [SALT, OXIDE]

    report = Report("crystals")
    tables = [table(each) for each in (SALT, OXIDE, CHLORIDE, CESIUM)]
    recovery.measure(report, MODEL, tables, cast(CrystalSet, Known()), "own")
    found = {name.removeprefix("reality, "): value for name, value in report.figures.items()}
    assert found["reality: of these, match a polymorph of the data set"] == 2
    assert found["composition trained: real crystals"] == 2
    assert found["composition trained: among 8 draws"].startswith("1 ")
    assert found["composition trained: among the surest 2"].startswith("0.5 ")
    assert found["composition not trained: among 8 draws"].startswith("0.5 ")
    assert found["structure of no polymorph of ours: real crystals"] == 2
    lines = [*recovery.rows(report.figures)]
    assert lines[2].startswith("| composition trained | 2 | 1 [")
