"""CHGNet judges crystals that we know, as it did when they were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("chgnet")

from sureflow.core.lane import Sample
from sureflow.evaluation.crystals import judge
from sureflow.evaluation.crystals.known import shipped
from sureflow.evaluation.crystals.potential import potential
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.prototypes import AB
from sureflow.training.crystals.relaxation import relax
from tests.server.samples import finished

pytestmark = pytest.mark.filterwarnings("ignore")


def table(crystal: Crystal, by: float = 0.0) -> Sample:
    noise = np.random.default_rng(0).normal(size=crystal.frac.shape) * by
    rows = np.zeros((3 + len(crystal.species), 4), np.float32)
    rows[:3, :3] = crystal.lattice
    rows[3:, :3] = crystal.frac + noise @ np.linalg.inv(crystal.lattice)
    rows[3:, 3] = crystal.species
    return finished(data=rows)


def some(count: int) -> Iterator[tuple[Crystal, float, float]]:
    crystals = shipped()
    chosen = np.random.default_rng(1).permutation(len(crystals))[:count]
    found = list(crystals.crystals())
    for at in chosen:
        yield found[at], float(crystals.energy[at]), float(crystals.above[at])


def test_the_file_has_the_energies_that_the_potential_gives() -> None:
    for crystal, energy, above in some(4):
        assert potential("chgnet").energy(crystal) == pytest.approx(energy, abs=1e-3)
        (judged,) = judge.above_best([table(crystal)])
        assert judged == pytest.approx(above, abs=1e-3)


def test_what_is_shaken_is_worse_and_unstable() -> None:
    crystals = shipped()
    at = int(np.argmax((crystals.above == 0) & (crystals.atoms == 3)))
    crystal = list(crystals.crystals())[at]
    still, shaken = judge.above_best([table(crystal), table(crystal, 0.4)])
    assert still < 1e-3 < shaken
    assert judge.unstable([table(crystal), table(crystal, 0.8)]) == [False, True]
    assert judge.unstable([finished(data=np.full((5, 4), np.nan, np.float32))]) == [True]


def test_of_atoms_that_overlap_nothing_is_known() -> None:
    crystals = shipped()
    crystal = list(crystals.crystals())[int(np.argmax(crystals.atoms == 2))]
    inside = Crystal(crystal.lattice, np.array([[0.0, 0, 0], [0.01, 0.01, 0]]), crystal.species)
    with pytest.raises(ValueError, match="two atoms overlap"):
        judge.above_best([table(inside)])
    assert judge.unstable([table(inside)]) == [True]


def test_the_hull_is_no_higher_than_the_best_polymorph() -> None:
    crystals = [crystal for crystal, *_ in some(40) if len({*crystal.species.tolist()}) == 2][:2]
    samples = [table(crystal) for crystal in crystals]
    pairs = zip(judge.above_hull(samples), judge.above_best(samples), strict=True)
    assert all(hull >= best - 1e-6 for hull, best in pairs)


@pytest.mark.parametrize("strain", [0.95, 1.06])
def test_a_relaxation_undoes_a_strain(strain: float) -> None:
    """That of rock salt, whose volume is the only thing that can change."""
    crystals = shipped()
    kind = crystals.prototypes.index("B1")
    at = int(np.argmax((crystals.prototype == kind) & (crystals.above == 0)))
    crystal = list(crystals.crystals())[at]
    start = Crystal(crystal.lattice * strain, AB[0].frac, crystal.species)
    end = potential("chgnet").relaxed(start)
    assert end.converged
    assert end.steps > 0
    assert end.energy == pytest.approx(crystals.energy[at], abs=3e-3)
    ratio = np.linalg.det(end.crystal.lattice) / np.linalg.det(crystal.lattice)
    assert ratio == pytest.approx(1, abs=0.04)


def test_steps_are_bounded() -> None:
    crystal, *_ = next(some(1))
    start = Crystal(crystal.lattice * 1.2, crystal.frac, crystal.species)
    calculator: Any = potential("chgnet")._calculator
    end = relax(start, calculator, force=1e-9, steps=2)
    assert (end.steps, end.converged) == (2, False)


@pytest.mark.slow
def test_another_potential_has_another_scale() -> None:
    pytest.importorskip("sevenn")
    crystal, energy, _ = next(some(1))
    other = potential("7net").energy(crystal)
    assert np.isfinite(other)
    assert other != pytest.approx(energy, abs=1e-6)
