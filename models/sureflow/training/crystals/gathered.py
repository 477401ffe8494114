"""Relaxed structures, gathered to a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from sureflow.core.arrays import Floats, Integers
from sureflow.training.crystals.crystal_set import CrystalSet
from sureflow.training.crystals.relaxation import Relaxed
from sureflow.training.crystals.relaxations import Task


def gathered(
    tasks: Sequence[Task],
    found: Mapping[str, Relaxed | None],
    held_out: Set[str],
    provenance: Mapping[str, Any],
) -> CrystalSet:
    """The structures of the tasks that succeeded, in the order of the tasks."""
    pairs = [(task, end) for task in tasks if (end := found.get(task.key)) is not None]
    formulae = [task.composition.formula for task, _ in pairs]
    names = [task.prototype.name for task, _ in pairs]
    compositions, prototypes = sorted(set(formulae)), sorted(set(names))
    crystals = [end.crystal for _, end in pairs]
    energy = np.array([end.energy for _, end in pairs])
    composition = np.array([compositions.index(formula) for formula in formulae], dtype=np.int64)
    return CrystalSet(
        species=np.concatenate([crystal.species for crystal in crystals]),
        atoms=np.array([len(crystal.species) for crystal in crystals], dtype=np.int64),
        lattice=np.stack([crystal.lattice for crystal in crystals]),
        frac=np.concatenate([crystal.frac for crystal in crystals]),
        energy=energy,
        above=above_best(energy, composition),
        prototype=np.array([prototypes.index(name) for name in names], dtype=np.int64),
        composition=composition,
        held_out=np.array([formula in held_out for formula in formulae], dtype=np.uint8),
        converged=np.array([end.converged for _, end in pairs], dtype=np.uint8),
        prototypes=prototypes,
        compositions=compositions,
        provenance=dict(provenance) | {"failed": len(tasks) - len(pairs)},
    )


def above_best(energy: Floats, composition: Integers) -> Floats:
    """Energy above the lowest of the same composition, in the unit of the energies, ``[N]``."""
    best = np.full(int(composition.max()) + 1, np.inf)
    np.minimum.at(best, composition, energy)
    above: Floats = energy - best[composition]
    return above
