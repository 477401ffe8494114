"""Energy above a convex hull that is built from our own crystals alone."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from sureflow.evaluation.crystals.formula import Formula
from sureflow.evaluation.crystals.known import Known
from sureflow.training.crystals.crystal import Crystal

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram


class Hull:
    """The lower convex hull of formation energies of known crystals, by one potential.

    It is not that of a database: it knows the elements and compounds of our set and nothing else,
    so that energies above it are too low where it lacks a compound.

    Args:
        known: The best energies.
    """

    def __init__(self, known: Known) -> None:
        self._best = known.best
        self._diagrams: dict[frozenset[int], PhaseDiagram | None] = {}

    def above(self, crystal: Crystal, energy: float) -> float | None:
        """Energy above the hull in eV/atom, negative below it; ``None`` if it lacks an element."""
        from pymatgen.analysis.phase_diagram import PDEntry

        diagram = self._diagram(frozenset(crystal.species.tolist()))
        if diagram is None:
            return None
        composition = _composition((int(number), 1) for number in crystal.species)
        entry = PDEntry(composition, energy * len(crystal.species))
        return float(diagram.get_e_above_hull(entry, allow_negative=True))

    def _diagram(self, elements: frozenset[int]) -> PhaseDiagram | None:
        from pymatgen.analysis.phase_diagram import PhaseDiagram

        if elements not in self._diagrams:
            complete = elements <= self._pure
            entries = [_entry(*pair) for pair in self._best.items() if _made_of(pair[0], elements)]
            self._diagrams[elements] = PhaseDiagram(entries) if complete else None
        return self._diagrams[elements]

    @cached_property
    def _pure(self) -> set[int]:
        return {formula[0][0] for formula in self._best if len(formula) == 1}


def _made_of(formula: Formula, elements: frozenset[int]) -> bool:
    return all(number in elements for number, _ in formula)


def _entry(formula: Formula, energy: float) -> PDEntry:
    from pymatgen.analysis.phase_diagram import PDEntry

    return PDEntry(_composition(formula), energy * sum(count for _, count in formula))


def _composition(pairs: Iterable[tuple[int, int]]) -> dict[str, float]:
    from pymatgen.core import Element

    found: dict[str, float] = {}
    for number, count in pairs:
        symbol = Element.from_Z(number).symbol
        found[symbol] = found.get(symbol, 0) + count
    return found
