"""Which crystals are the same but for the choice of their cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import cbrt
from typing import TYPE_CHECKING

import numpy as np

from sureflow.evaluation.crystals.formula import Formula, formula_of
from sureflow.training.crystals.crystal import Crystal

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.core import Structure


@cache
def _matcher() -> StructureMatcher:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher()


def structure_of(crystal: Crystal) -> Structure:
    """The crystal as pymatgen has it."""
    from pymatgen.core import Lattice, Structure

    return Structure(Lattice(crystal.lattice), crystal.species.tolist(), crystal.frac)


def same(one: Crystal, other: Crystal) -> bool:
    """Whether two crystals match, by the usual tolerances of pymatgen's ``StructureMatcher``."""
    return bool(_matcher().fit(structure_of(one), structure_of(other)))


def displacement(one: Crystal, other: Crystal) -> float | None:
    """Root mean square distance of the atoms of two crystals, in angstrom.

    The cells are brought to the same volume, that of their mean. ``None`` if they do not match.
    """
    found = _matcher().get_rms_dist(structure_of(one), structure_of(other))
    if found is None:
        return None
    return float(found[0]) * cbrt((_volume(one) + _volume(other)) / 2)


def _volume(crystal: Crystal) -> float:
    """Per atom, in cubic angstrom."""
    return float(abs(np.linalg.det(crystal.lattice))) / len(crystal.species)


class Catalogue:
    """Named crystals, in which others can be looked up.

    Args:
        named: The crystals, each with a name, such as that of its prototype.
    """

    def __init__(self, named: Iterable[tuple[str, Crystal]]) -> None:
        self._by_formula: dict[Formula, list[tuple[str, Crystal]]] = {}
        for name, crystal in named:
            self._by_formula.setdefault(formula_of(crystal.species), []).append((name, crystal))

    def name_of(self, crystal: Crystal) -> str | None:
        """The name of the first crystal that matches; ``None`` for a novel one."""
        alike = self._by_formula.get(formula_of(crystal.species), [])
        return next((name for name, other in alike if same(crystal, other)), None)


def first_of_kind(crystals: Sequence[Crystal]) -> list[bool]:
    """Whether each crystal matches none before it."""
    seen: dict[Formula, list[Crystal]] = {}
    found = []
    for crystal in crystals:
        before = seen.setdefault(formula_of(crystal.species), [])
        new = not any(same(crystal, other) for other in before)
        found.append(new)
        if new:
            before.append(crystal)
    return found
