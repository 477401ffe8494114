"""Crystals that a model has drawn, as the benchmark takes them, whatever drew them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sureflow.training.crystals.crystal import Crystal


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
