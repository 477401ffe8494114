"""A set of relaxed crystals as arrays, and as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sureflow.core.arrays import Floats, Integers
from sureflow.training.crystals.crystal import Crystal

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class CrystalSet:
    """N crystals, with M atoms in all.

    Attributes:
        species: Atomic numbers of all atoms, crystal after crystal, ``[M]``.
        atoms: Number of atoms of each crystal, ``[N]``.
        lattice: Lattice vectors as rows, in angstrom, ``[N, 3, 3]``.
        frac: Fractional coordinates of all atoms, in [0, 1), ``[M, 3]``.
        energy: Energy by the potential, in eV/atom, ``[N]``.
        above: Energy above the best structure here of the same composition, in eV/atom, ``[N]``.
        prototype: What it was relaxed from, as a position in ``prototypes``, ``[N]``.
        composition: Its composition, as a position in ``compositions``, ``[N]``.
        held_out: 1 for crystals of compositions that are not for training, ``[N]``.
        converged: 1 where the relaxation came to its end, ``[N]``.
        prototypes: Names of the prototypes.
        compositions: Formulae.
        provenance: What made it: the potential, versions, seed, bounds.
    """

    species: Integers
    atoms: Integers
    lattice: Floats
    frac: Floats
    energy: Floats
    above: Floats
    prototype: Integers
    composition: Integers
    held_out: Bytes
    converged: Bytes
    prototypes: list[str]
    compositions: list[str]
    provenance: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.atoms)

    def crystals(self) -> Iterator[Crystal]:
        """Each crystal."""
        ends = np.cumsum(self.atoms)
        for lattice, end, count in zip(self.lattice, ends, self.atoms, strict=True):
            own = slice(end - count, end)
            yield Crystal(lattice, self.frac[own], self.species[own])

    def save(self, path: Path) -> None:
        """Write it as safetensors, with names and provenance as JSON in the metadata."""
        from safetensors.numpy import save_file

        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _arrays()}
        notes = {name: json.dumps(getattr(self, name)) for name in _NOTES}
        save_file(arrays, path, notes)

    @classmethod
    def load(cls, path: Path) -> CrystalSet:
        """Read it.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "np") as file:
                notes = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in _arrays()}
            named = {name: json.loads(notes[name]) for name in _NOTES}
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} holds no crystals: {error}") from error
        return cls(**arrays, **named)


_NOTES = ("prototypes", "compositions", "provenance")


def _arrays() -> list[str]:
    return [one.name for one in fields(CrystalSet) if one.name not in _NOTES]
