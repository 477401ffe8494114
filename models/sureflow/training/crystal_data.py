"""Crystals to train on, of several numbers of atoms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.cell import numbers_of
from sureflow.core.crystal import CELL, SCALE
from sureflow.file_kind import no_safetensors
from sureflow.regular_file import check_regular
from sureflow.training.config import DataConfig
from sureflow.training.drawn import Drawn

COMPOSITION = "composition"
"""Name of the condition of all crystals."""

ABOVE = 0.1
"""Most eV per atom by which a crystal may be above the best one of its composition, by default."""

ENERGY, UNSAID, NULL = "above", 0.2, -1.0
"""Name of the condition that tells that energy, the share of draws that are not told it, and what
they have in its place."""


@dataclass(frozen=True)
class Crystals:
    """Crystals by their number of atoms, drawn with replacement.

    A draw has crystals of one number of atoms, which is that of a crystal drawn among all.

    Attributes:
        states: By number of atoms: states ``[N, CELL + n, 3]``, see :mod:`sureflow.core.crystal`.
        species: Atomic numbers, ``[N, n]`` in float32.
        description: For the provenance of a checkpoint.
        above: By number of atoms, energies above the best crystal of the composition in eV per
            atom, ``[N, 1]``, if draws tell them.
    """

    states: dict[int, Tensor]
    species: dict[int, Tensor]
    description: str
    names: tuple[str, ...] = ()
    above: dict[int, Tensor] | None = None

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Draw crystals of one number of atoms."""
        numbers = [*self.states]
        shares = torch.tensor([float(len(self.states[n])) for n in numbers])
        n = numbers[int(torch.multinomial(shares, 1, generator=generator))]
        index = torch.randint(len(self.states[n]), (count,), generator=generator)
        label = torch.zeros(count, dtype=torch.long)
        conditions = {COMPOSITION: self.species[n][index]}
        if self.above is not None:
            unsaid = torch.rand(count, 1, generator=generator) < UNSAID
            conditions[ENERGY] = torch.where(unsaid, NULL, self.above[n][index])
        return Drawn(self.states[n][index], label, conditions)


def open_crystals(config: DataConfig) -> Crystals:
    """Open the file of crystals at ``config.path``.

    Its tensors are, of ``N`` crystals with ``M`` atoms in all: ``atoms [N]``, ``species [M]``
    (atomic numbers), ``lattice [N, 3, 3]`` (vectors in rows, in angstrom), ``frac [M, 3]``,
    ``above [N]`` (eV per atom above the best crystal of its composition) and ``held_out [N]``.
    Those that are held out, of one element alone, or above ``config.above`` are left out, which is
    :data:`ABOVE` by default.

    Raises:
        ValueError: The file is missing or holds something else; names the field.
    """
    if config.path is None:
        raise ValueError("data.path: needed for data.name 'crystals'")
    found = _read(config.path)
    atoms, ends = found["atoms"], np.cumsum(found["atoms"])
    compounds = [
        len({*found["species"][end - n : end].tolist()}) > 1
        for n, end in zip(atoms, ends, strict=True)
    ]
    most = ABOVE if config.above is None else config.above
    chosen = np.array(compounds) & (found["held_out"] == 0) & (found["above"] <= most)
    states: dict[int, list[Floats]] = {}
    species: dict[int, list[Any]] = {}
    above: dict[int, list[Floats]] = {}
    for place in np.flatnonzero(chosen).tolist():
        n = int(atoms[place])
        own = slice(int(ends[place]) - n, int(ends[place]))
        cell = numbers_of(found["lattice"][place]).reshape(CELL, 3)
        state = np.concatenate([cell, SCALE * found["frac"][own]])
        states.setdefault(n, []).append(state)
        species.setdefault(n, []).append(found["species"][own])
        above.setdefault(n, []).append(found["above"][[place]])
    if not states:
        raise ValueError(f"data.path: {config.path} has no crystal to train on")
    described = f"{config.path.name}, {int(chosen.sum())} of {len(atoms)} crystals"
    order = sorted(states)
    states_of, species_of, above_of = (
        {n: torch.tensor(np.array(part[n]), dtype=torch.float32) for n in order}
        for part in (states, species, above)
    )
    return Crystals(
        states_of,
        species_of,
        f"{described}, within {most:g} eV per atom of the best of their composition",
        above=None if config.above is None else above_of,
    )


def _read(path: Path) -> dict[str, Any]:
    names = ("atoms", "species", "lattice", "frac", "above", "held_out")
    try:
        check_regular(path)
        with safe_open(path, "np") as file:
            return {name: file.get_tensor(name) for name in names}
    except ValueError as error:
        raise ValueError(f"data.path: {path}: {error}") from error
    except (SafetensorError, OSError) as error:
        raise ValueError(f"data.path: {path}: {no_safetensors(path, error)}") from error
