"""Gaussian mixtures in any dimension, of which density, velocity and variance are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from sureflow.networks import GaussianMixture
from sureflow.training.drawn import Drawn

WEIGHTS = (0.4, 0.3, 0.2, 0.1)
SEPARATION = 3.0
"""Approximate distance between two means; the standard deviations of the data are below one."""
SIZES = (0.2, 0.1, 0.3, 0.15)
"""Geometric mean of each component's principal variances."""
STRETCH = 10.0
"""Largest principal variance over the smallest; the others are spaced evenly in logarithm."""
SEED = 4


@dataclass(frozen=True)
class Mixture:
    """Four Gaussians of different weights, rotations and stretches.

    The distribution is a definition: it depends on the dimension alone.

    Attributes:
        dimension: Size of a sample.
    """

    dimension: int
    names: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """Description of the samples."""
        return (
            f"{len(WEIGHTS)} Gaussians in {self.dimension} dimensions, weights {WEIGHTS}, "
            f"of variance {SIZES} stretched {STRETCH:g} times, exact"
        )

    @property
    def exact(self) -> GaussianMixture:
        """The network with the exact velocity, variance and density of these samples."""
        means, covariances = _moments(self.dimension)
        return GaussianMixture(means.tolist(), WEIGHTS, covariances.tolist())

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Draw exact samples; no labels."""
        means, covariances = _moments(self.dimension)
        factors = torch.linalg.cholesky(covariances).float()
        chosen = torch.multinomial(torch.tensor(WEIGHTS), count, True, generator=generator)
        normal = torch.randn(count, self.dimension, generator=generator)
        shaped = torch.einsum("nd,ked->nke", normal, factors)[torch.arange(count), chosen]
        return Drawn(means.float()[chosen] + shaped, torch.zeros_like(chosen))


@lru_cache
def _moments(dimension: int) -> tuple[Tensor, Tensor]:
    """Means ``[K, d]`` and covariances ``[K, d, d]`` in float64."""
    generator = torch.Generator().manual_seed(SEED)
    count = len(WEIGHTS)
    directions = torch.randn(count, dimension, generator=generator, dtype=torch.float64)
    means = directions * SEPARATION / (2 * dimension) ** 0.5
    basis = torch.randn(count, dimension, dimension, generator=generator, dtype=torch.float64)
    rotations = torch.linalg.qr(basis).Q
    stretch = STRETCH ** torch.linspace(-0.5, 0.5, dimension, dtype=torch.float64)
    variances = torch.tensor(SIZES, dtype=torch.float64)[:, None] * stretch
    covariances = rotations @ torch.diag_embed(variances) @ rotations.mT
    return means, (covariances + covariances.mT) / 2
