"""Crystals whose properties are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sureflow.training.crystals.crystal import Crystal


def rock_salt(edge: float, *species: int) -> Crystal:
    lattice = edge / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal(lattice, np.array([[0.0] * 3, [0.5] * 3]), np.array(species))


def simple(edge: float, species: Sequence[int], frac: Sequence[Sequence[float]]) -> Crystal:
    return Crystal(edge * np.eye(3), np.array(frac, dtype=float), np.array(species))


def moved(crystal: Crystal, by: float, seed: int = 0) -> Crystal:
    """The same structure in another setting: shifted, atoms shuffled, another basis, rotated.

    Args:
        crystal: What is moved.
        by: Root mean square displacement of the atoms besides, in angstrom.
        seed: Of the displacements and of the rotation.
    """
    generator = np.random.default_rng(seed)
    frac = crystal.frac + generator.random(3)
    lattice = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]) @ crystal.lattice
    frac = frac @ np.linalg.inv(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]))
    noise = generator.normal(size=frac.shape)
    noise -= noise.mean(0)
    noise *= by / max(np.sqrt(np.square(noise).sum(1).mean()), 1e-300)
    rotation = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    order = generator.permutation(len(frac))
    moved = (frac + noise @ np.linalg.inv(lattice)) % 1
    return Crystal(lattice @ rotation, moved[order], crystal.species[order])
