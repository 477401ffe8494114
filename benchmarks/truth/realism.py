"""Realism of images in the feature space of a judge, against images that nobody trained on.

Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models (2019);
coverage after Naeem et al., Reliable Fidelity and Diversity Metrics (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEIGHBOURS = 3
BLOCK = 1000


@dataclass(frozen=True)
class Realism:
    """How generated images lie among real ones.

    Attributes:
        inside: Whether a generated image lies in the ball of a real one, ``[n]``.
        ratio: The largest radius of a real image's ball over the distance to that image, ``[n]``;
            larger is more real. The larger half of the balls, which belong to outliers, is left
            out of this one, as in the paper.
    """

    inside: Tensor
    ratio: Tensor

    @property
    def off_manifold(self) -> Tensor:
        """Images in no ball of a real one, ``[n]``."""
        return ~self.inside

    @property
    def least_fifth(self) -> Tensor:
        """The least realistic fifth, ``[n]``."""
        return self.ratio <= torch.quantile(self.ratio, 0.2)


def realism(generated: Tensor, real: Tensor) -> Realism:
    """Compare features ``[n, d]`` of generated images with those of real ones ``[m, d]``."""
    radius = radii(real)
    usual = radius <= radius.median()
    ratios = [
        radius / torch.cdist(block, real).clamp(min=1e-12)
        for block in torch.split(generated, BLOCK)
    ]
    return Realism(
        torch.cat([ratio.amax(1) >= 1 for ratio in ratios]),
        torch.cat([ratio[:, usual].amax(1) for ratio in ratios]),
    )


def recall(generated: Tensor, real: Tensor) -> float:
    """Share of real images that lie in the ball of a generated one."""
    return float(realism(real, generated).inside.double().mean())


def coverage(generated: Tensor, real: Tensor) -> float:
    """Share of real images whose own ball holds a generated one."""
    radius = radii(real)
    nearest = [torch.cdist(block, generated).amin(1) for block in torch.split(real, BLOCK)]
    return float((torch.cat(nearest) <= radius).double().mean())


def radii(features: Tensor) -> Tensor:
    """Distance of every point to its third neighbour, ``[n]``."""
    parts = [
        torch.cdist(block, features).topk(NEIGHBOURS + 1, largest=False).values[:, -1]
        for block in torch.split(features, BLOCK)
    ]
    return torch.cat(parts)
