"""Energies of crystals by a potential, and relaxations by it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import numpy as np

from sureflow.evaluation.crystals.validity import overlapping
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.relaxation import Relaxed, chgnet, energy, relax

STEPS = 100
"""Steps after which the relaxation of a sample is given up; data need fewer."""


def sevennet() -> Any:
    """The calculator of 7net-0 (Park et al. 2024), on the processor.

    Raises:
        ModuleNotFoundError: ``sevenn`` is not installed.
    """
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator("7net-0", device="cpu")


CALCULATORS: dict[str, Callable[[], Any]] = {"chgnet": chgnet, "7net": sevennet}
"""Potentials of different training: their energies do not compare, and are never mixed."""


class Potential:
    """Judges crystals by energies.

    Args:
        name: One of :data:`CALCULATORS`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _calculator(self) -> Any:
        """It is loaded when it is first asked."""
        return CALCULATORS[self.name]()

    def energy(self, crystal: Crystal) -> float:
        """Energy as it is, in eV/atom.

        Raises:
            ValueError: It is not finite, or atoms overlap, so that it would mean nothing.
        """
        if overlapping(crystal):
            raise ValueError("two atoms overlap, and the potential knows nothing of that")
        found = energy(crystal, self._calculator)
        if not np.isfinite(found):
            raise ValueError("the energy of the crystal is not finite")
        return found

    def relaxed(self, crystal: Crystal, steps: int = STEPS) -> Relaxed:
        """Where a relaxation from here ends, with the number of its steps.

        Atoms that overlap may be apart in the end, or not, and then :meth:`energy` refuses them.
        """
        return relax(crystal, self._calculator, steps=steps)


@cache
def potential(name: str) -> Potential:
    """The potential of a name, loaded once."""
    return Potential(name)
