"""Crystals come back from their file as they were, and the file that ships is sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sureflow.folders import data_folder
from sureflow.training.crystals.composition import Composition
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.crystal_set import CrystalSet
from sureflow.training.crystals.gathered import above_best, gathered
from sureflow.training.crystals.prototypes import AB, ELEMENTS, shortest
from sureflow.training.crystals.relaxation import Relaxed
from sureflow.training.crystals.relaxations import Results, Task

SALT, IRON = Composition("NaCl", "AB", ("Na", "Cl")), Composition("Fe", "A", ("Fe",))
TASKS = [Task(SALT, AB[0]), Task(SALT, AB[3]), Task(IRON, ELEMENTS[1]), Task(IRON, ELEMENTS[0])]


def relaxed(task: Task, energy: float) -> Relaxed:
    count = len(task.prototype.sites)
    species = np.arange(1, count + 1)
    return Relaxed(Crystal(3 * np.eye(3), task.prototype.frac, species), energy, 3, energy < -2)


def some() -> CrystalSet:
    found = {task.key: relaxed(task, -float(at)) for at, task in enumerate(TASKS)}
    return gathered(TASKS, found | {TASKS[3].key: None}, {"NaCl"}, {"label": "made up"})


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    made = some()
    made.save(tmp_path / "some.safetensors")
    read = CrystalSet.load(tmp_path / "some.safetensors")
    for name, value in vars(made).items():
        np.testing.assert_array_equal(getattr(read, name), value, err_msg=name)
    for one, other in zip(made.crystals(), read.crystals(), strict=True):
        np.testing.assert_array_equal(one.frac, other.frac)


def test_it_says_of_each_crystal_what_it_is() -> None:
    made = some()
    assert made.atoms.tolist() == [2, 4, 1]
    assert [made.compositions[at] for at in made.composition] == ["NaCl", "NaCl", "Fe"]
    assert [made.prototypes[at] for at in made.prototype] == ["B1", "B4", "A2"]
    assert made.above.tolist() == [1, 0, 0]
    assert made.held_out.tolist() == [1, 1, 0]
    assert made.converged.tolist() == [0, 0, 0]
    assert made.provenance == {"label": "made up", "failed": 1}
    assert [len(crystal.species) for crystal in made.crystals()] == [2, 4, 1]


def test_energies_are_above_the_best_of_the_same_composition() -> None:
    energy = np.array([-3.0, -1.0, -2.5, -4.0])
    above = above_best(energy, np.array([1, 0, 1, 1]))
    np.testing.assert_allclose(above, [1.0, 0.0, 1.5, 0.0])


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="holds no crystals"):
        CrystalSet.load(tmp_path / "no.safetensors")


def test_results_are_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results = Results(path)
    for at, task in enumerate(TASKS[:2]):
        results._append(task.key, relaxed(task, -float(at)))
    results._append(TASKS[2].key, None)
    with path.open("a") as file:
        file.write('{"key": "torn')
    again = Results(path)
    assert {*again.found} == {task.key for task in TASKS[:3]}
    assert again.found[TASKS[2].key] is None
    end = again.found[TASKS[1].key]
    assert end is not None
    assert (end.energy, end.steps, end.converged) == (-1.0, 3, False)
    np.testing.assert_array_equal(end.crystal.frac, AB[3].frac)
    assert list(again.run(TASKS[:3], calculator=None)) == TASKS[:3]  # nothing is left to relax
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.fixture(scope="module")
def shipped() -> CrystalSet:
    return CrystalSet.load(data_folder() / "crystals.safetensors")


def test_the_crystals_that_ship_are_sound(shipped: CrystalSet) -> None:
    assert (data_folder() / "crystals.safetensors").stat().st_size < 1 << 20
    assert shipped.provenance["label"] == "computed with CHGNet 0.3.0"
    assert len(shipped.species) == len(shipped.frac) == shipped.atoms.sum()
    assert len(shipped) >= 600
    assert ((shipped.frac >= 0) & (shipped.frac < 1)).all()
    assert np.isfinite(shipped.energy).all()
    assert shipped.converged.mean() > 0.85
    np.testing.assert_allclose(shipped.above, above_best(shipped.energy, shipped.composition))
    assert min(shortest(c.lattice, c.frac).min() for c in shipped.crystals()) > 0.5
    assert (np.linalg.det(shipped.lattice) > 0).all()


def test_compositions_are_held_out_as_a_whole(shipped: CrystalSet) -> None:
    crystals = list(shipped.crystals())
    kinds = {
        at: shipped.held_out[shipped.composition == at] for at in range(len(shipped.compositions))
    }
    assert all(len({*flags.tolist()}) == 1 for flags in kinds.values())
    compounds = [at for at, c in enumerate(crystals) if len({*c.species.tolist()}) > 1]
    seen = {z for at in compounds if not shipped.held_out[at] for z in crystals[at].species}
    held = {z for at in compounds if shipped.held_out[at] for z in crystals[at].species}
    assert held <= seen
    share = np.mean([flags[0] for flags in kinds.values()])
    assert 0.12 < share < 0.25
    pure = [at for at in range(len(crystals)) if at not in set(compounds)]
    assert not shipped.held_out[pure].any()
