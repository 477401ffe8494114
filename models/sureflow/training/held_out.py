"""Likelihood of a variance on samples that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import Arrays
from sureflow.training.loss import likelihoods
from sureflow.training.points import Points

SHARE, MOST = 0.1, 1000
"""Share of the samples that is held out, and how many at most."""

DRAWS = 1024
"""Points at which likelihoods are compared."""


def split(source: Arrays, seed: int) -> tuple[Arrays, Arrays]:
    """The samples to fit to and those held out, chosen at random.

    Raises:
        ValueError: There are fewer than two.
    """
    count = len(source.samples)
    if count < 2:
        raise ValueError("data: needs two samples at least, one of which is held out")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    held = min(max(1, round(SHARE * count)), MOST)
    return source.at(order[held:]), source.at(order[:held])


def held_out_likelihoods(
    network: VelocityNetwork, held: Arrays, seed: int, batch: int, draws: int = DRAWS
) -> Tensor:
    """Negative log-likelihood per component, in nats without its constant, ``[draws]``.

    The points are the same for every network. Every second one has no condition.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(draws, generator=generator)
    found = []
    for times in torch.split(torch.linspace(0, 1, draws)[order], batch):
        drawn = held.draw(len(times), generator)
        x0 = torch.randn(drawn.samples.shape, generator=generator)
        free = torch.arange(len(times)) % 2 == 0
        found.append(likelihoods(network, Points.between(x0, drawn, times, free, network)))
    return torch.cat(found)


@dataclass(frozen=True)
class Comparison:
    """Variances of two networks at the same held-out points.

    Attributes:
        nll: Mean negative log-likelihoods by name; the smaller, the better.
        difference: Of the worse and the better one.
        error: Standard error of the difference.
    """

    nll: dict[str, float]
    difference: float
    error: float

    @classmethod
    def of(cls, first: tuple[str, Tensor], second: tuple[str, Tensor]) -> Comparison:
        """Compare likelihoods at the same points."""
        nll = {name: float(values.mean()) for name, values in (first, second)}
        gaps = first[1] - second[1]
        error = float(gaps.std() / len(gaps) ** 0.5)
        return cls(nll, abs(float(gaps.mean())), error)

    @property
    def better(self) -> str:
        """Name of the better one."""
        return min(self.nll, key=lambda name: self.nll[name])

    def record(self) -> dict[str, Any]:
        """The figures, for the provenance of a checkpoint."""
        return {
            "nll": {name: round(value, 5) for name, value in self.nll.items()},
            "difference": round(self.difference, 5),
            "standard_error": round(self.error, 5),
        }
