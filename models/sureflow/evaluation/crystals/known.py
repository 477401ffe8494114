"""Energies of the crystals that we know, to compare others with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from sureflow.evaluation.crystals.formula import Formula, formula_of
from sureflow.folders import data_folder
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.crystal_set import CrystalSet

FILE = "crystals.safetensors"


@dataclass(frozen=True)
class Known:
    """The lowest energy that is known of each composition, all by one potential.

    These are the structures of our own set, of few prototypes: the true ground state may be another
    one, and lower. So an energy above the best known polymorph is no energy above the hull.

    Attributes:
        best: Energy in eV/atom, by formula.
    """

    best: Mapping[Formula, float]

    @classmethod
    def of(cls, pairs: Iterable[tuple[Crystal, float]]) -> Known:
        """That of crystals and their energies in eV/atom."""
        best: dict[Formula, float] = {}
        for crystal, energy in pairs:
            formula = formula_of(crystal.species)
            best[formula] = min(energy, best.get(formula, energy))
        return cls(best)

    def above(self, crystal: Crystal, energy: float) -> float:
        """Energy above the best known polymorph, in eV/atom; negative if it is better than that.

        Raises:
            ValueError: No polymorph of this composition is known.
        """
        formula = formula_of(crystal.species)
        if formula not in self.best:
            raise ValueError("no polymorph of this composition is known")
        return energy - self.best[formula]


@cache
def shipped() -> CrystalSet:
    """The crystals that ship with Sureflow, with their energies by CHGNet 0.3.0.

    Raises:
        FileNotFoundError: They are not installed.
    """
    return CrystalSet.load(data_folder() / FILE)


@cache
def known() -> Known:
    """The best of the crystals that ship."""
    crystals = shipped()
    return Known.of(zip(crystals.crystals(), crystals.energy.tolist(), strict=True))
