"""Relaxation of crystals by a potential, through ASE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sureflow.training.crystals.crystal import Crystal

if TYPE_CHECKING:
    from ase import Atoms

FORCE = 0.08
"""Force, in eV/angstrom, below which a structure counts as relaxed."""

STEPS = 25
"""Steps after which a relaxation of the data is given up."""

POTENTIAL = "CHGNet 0.3.0"


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """A structure at the end of its relaxation.

    Attributes:
        crystal: The structure, with coordinates in [0, 1).
        energy: Its energy in eV/atom.
        steps: Steps that were taken.
        converged: Whether the forces, those on the cell included, fell below the bound.
    """

    crystal: Crystal
    energy: float
    steps: int
    converged: bool


def chgnet() -> Any:
    """The calculator of CHGNet 0.3.0 (Deng et al. 2023), on the processor.

    Raises:
        ModuleNotFoundError: The extra ``crystals`` is not installed.
    """
    from chgnet.model import CHGNet, CHGNetCalculator

    network = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)
    return CHGNetCalculator(network, use_device="cpu", on_isolated_atoms="ignore")


def energy(crystal: Crystal, calculator: Any) -> float:
    """Energy of a structure as it is, in eV/atom."""
    atoms = _atoms(crystal, calculator)
    return float(atoms.get_potential_energy()) / len(atoms)


def relax(crystal: Crystal, calculator: Any, force: float = FORCE, steps: int = STEPS) -> Relaxed:
    """Move atoms and cell to a minimum of the energy nearby.

    Args:
        crystal: Where to begin.
        calculator: A potential of ASE.
        force: The bound on the forces, in eV/angstrom.
        steps: How many steps at most.
    """
    from ase.filters import FrechetCellFilter
    from ase.optimize import LBFGS

    atoms = _atoms(crystal, calculator)
    optimizer = LBFGS(FrechetCellFilter(atoms), logfile=None)
    converged = bool(optimizer.run(fmax=force, steps=steps))
    frac = atoms.get_scaled_positions(wrap=True) % 1
    end = Crystal(np.array(atoms.cell), frac, crystal.species)
    final = float(atoms.get_potential_energy()) / len(atoms)
    return Relaxed(end, final, int(optimizer.nsteps), converged)


def _atoms(crystal: Crystal, calculator: Any) -> Atoms:
    from ase import Atoms

    atoms = Atoms(crystal.species, cell=crystal.lattice, scaled_positions=crystal.frac, pbc=True)
    atoms.calc = calculator
    return atoms
