"""Crystals that a model has drawn, whatever drew them, and the file that they are kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from sureflow.training.crystals.crystal import Crystal

SCORES = "scores."
"""Before the names of scores in a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A crystal and what is said of it.

    Attributes:
        crystal: As it was drawn.
        composition: The formula that was asked for.
        scores: By name; larger is less sure.
        seed: Of the training of its model.
    """

    crystal: Crystal
    composition: str
    scores: Mapping[str, float]
    seed: int = 0


def save(drawn: Sequence[Drawn], path: Path) -> None:
    """Write crystals, which have the same scores."""
    crystals = [each.crystal for each in drawn]
    compositions = sorted({each.composition for each in drawn})
    arrays = {
        "atoms": np.array([len(crystal.species) for crystal in crystals]),
        "species": np.concatenate([crystal.species for crystal in crystals]),
        "lattice": np.stack([crystal.lattice for crystal in crystals]),
        "frac": np.concatenate([crystal.frac for crystal in crystals]),
        "composition": np.array([compositions.index(each.composition) for each in drawn]),
        "seed": np.array([each.seed for each in drawn]),
        **{SCORES + n: np.array([each.scores[n] for each in drawn]) for n in drawn[0].scores},
    }
    save_file(arrays, path, {"compositions": json.dumps(compositions)})


def load(path: Path) -> list[Drawn]:
    """Read crystals."""
    with safe_open(path, "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        compositions = json.loads(file.metadata()["compositions"])
    ends = np.cumsum(arrays["atoms"])
    found = []
    for at, (end, count) in enumerate(zip(ends, arrays["atoms"], strict=True)):
        own = slice(end - count, end)
        crystal = Crystal(arrays["lattice"][at], arrays["frac"][own], arrays["species"][own])
        scores = {
            name.removeprefix(SCORES): float(column[at])
            for name, column in arrays.items()
            if name.startswith(SCORES)
        }
        formula = compositions[arrays["composition"][at]]
        found.append(Drawn(crystal, formula, scores, int(arrays["seed"][at])))
    return found
