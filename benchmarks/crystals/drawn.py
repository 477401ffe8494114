"""Crystals that a model draws of compositions that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sureflow.evaluation.crystals.samples import crystal_of
from sureflow.families.crystals.formula import formula_of
from sureflow.families.crystals.spec import COMPOSITION, CrystalSpec
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.crystal_set import CrystalSet

CAPACITY = 64
"""Lanes in flight at once; it changes the speed alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A crystal and what is said of it.

    Attributes:
        crystal: As it was drawn.
        composition: The formula that was asked for.
        scores: By name; larger is less sure.
        seed: Of the draws.
    """

    crystal: Crystal
    composition: str
    scores: Mapping[str, float]
    seed: int = 0


def held_out(crystals: CrystalSet) -> list[tuple[int, ...]]:
    """The atoms of cells of compounds that were held out, each once: atomic numbers."""
    found = {
        tuple(crystal.species.tolist())
        for crystal, out in zip(crystals.crystals(), crystals.held_out, strict=True)
        if out
    }
    return sorted(found, key=lambda cell: (len(cell), cell))


def draw(
    model: Model, cells: Sequence[tuple[int, ...]], each: int, seed: int, scores: Sequence[str]
) -> Iterator[Drawn]:
    """Draw so many crystals of each cell with the model's usual sampler.

    Those that diverged are left out.
    """
    specs = [
        CrystalSpec(
            seed,
            index,
            condition={COMPOSITION: np.array(cell, np.float32)},
            size=(len(cell),),
            scores=tuple(scores),
        )
        for index, cell in enumerate(cell for cell in cells for _ in range(each))
    ]
    for spec, sample in zip(specs, run(model, specs, CAPACITY), strict=True):
        if np.isfinite(sample.data).all():
            known = {name: sample.scores[name] for name in scores}
            formula = formula_of(spec.species.astype(int).tolist())
            yield Drawn(crystal_of(sample.data), formula, known, seed)
