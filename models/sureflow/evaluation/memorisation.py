"""How much of its training data a model gives back: samples that are copies of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sureflow.core.arrays import Floats
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.model import Model
from sureflow.training_index import COPIED, Neighbour, TrainingIndex


@dataclass(frozen=True)
class Memorisation:
    """What the samples of a model are, compared with training data.

    Attributes:
        novelty: Ratio of the distances to the nearest and the second nearest, ``[n]``.
        distance: Distance to the nearest, ``[n]``.
        neighbours: How many different training samples are the nearest of a copied sample.
    """

    novelty: Floats
    distance: Floats
    neighbours: int

    @property
    def copied(self) -> float:
        """Share of samples that are copies."""
        return float((self.novelty < COPIED).mean())

    @property
    def median(self) -> float:
        """Median of the novelty."""
        return float(np.median(self.novelty))

    @classmethod
    def of(cls, found: Sequence[Neighbour]) -> Memorisation:
        """What the nearest neighbours of samples come to."""
        copied = {each.number for each in found if each.novelty < COPIED}
        novelty = np.array([each.novelty for each in found])
        return cls(novelty, np.array([each.distance for each in found]), len(copied))


def memorised(
    model: Model, index: TrainingIndex, count: int, seed: int, quiet: bool = False
) -> Memorisation:
    """Draw samples, the classes taking turns, and compare them with training data.

    Raises:
        ValueError: The model makes samples of another shape.
    """
    if model.card.shape != index.shape:
        shapes = f"{list(model.card.shape)}, the data {list(index.shape)}"
        raise ValueError(f"model: the samples of {model.card.name} have shape {shapes}")
    samples = draw_balanced(model, count, seed, quiet=quiet)
    return Memorisation.of([index.find(sample.data) for sample in samples])
