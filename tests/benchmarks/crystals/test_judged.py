"""Crystals that we know are judged as what they are."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.crystals.drawn import Drawn
from benchmarks.crystals.judged import _left, _unique
from sureflow.evaluation.crystals.known import shipped
from sureflow.training.crystals.crystal import Crystal


def some(count: int, by: float = 0.0) -> list[Drawn]:
    """The best polymorphs of some compositions, with atoms moved by so many angstrom."""
    crystals, generator = shipped(), np.random.default_rng(0)
    best = np.flatnonzero((crystals.above == 0) & (crystals.atoms == 3))[:count]
    named = list(crystals.crystals())
    found = []
    for at in best:
        one = named[at]
        noise = by * generator.normal(size=one.frac.shape) @ np.linalg.inv(one.lattice)
        moved = Crystal(one.lattice, one.frac + noise, one.species)
        formula = crystals.compositions[crystals.composition[at]]
        found.append(Drawn(moved, formula, {"own": by, "other": float(at)}, seed=3))
    return found


@pytest.mark.filterwarnings("ignore")
def test_so_many_of_each_cell_are_relaxed() -> None:
    pytest.importorskip("pymatgen")
    cells = [crystal.crystal for crystal in [*some(2), *some(2), *some(1)]]
    assert _left(cells, 1) == [False, False, True, True, True]
    assert _left(cells, 2) == [False] * 4 + [True]
    assert not any(_left(cells, None))
    assert _unique(cells, _left(cells, 2)).tolist() == [True, True, False, False, False]


@pytest.mark.filterwarnings("ignore")
def test_what_is_known_is_known_and_what_is_shaken_is_relaxed() -> None:
    pytest.importorskip("chgnet")
    from benchmarks.crystals.judged import judge
    from sureflow.evaluation.crystals.potential import potential

    drawn = [*some(2), *some(2, by=0.15)]
    found = judge(drawn, shipped(), potential("chgnet"))
    assert found.known_raw[:2].all()
    np.testing.assert_allclose(found.raw["chgnet"][:2], 0, atol=1e-3)
    assert (found.raw["chgnet"][2:] > 0.005).all()
    assert (found.relaxed["chgnet"][2:] < found.raw["chgnet"][2:]).all()
    assert (found.steps[2:] > 0).all()
    assert found.apart.all()
    assert (found.atoms == 3).all()
    assert not found.overlap.any()
    assert (found.seed == 3).all()
    assert found.composition.tolist() == [0, 1, 0, 1]
    assert found.unique[:2].all()
    assert (found.displaced[:2] < 0.05).all()
