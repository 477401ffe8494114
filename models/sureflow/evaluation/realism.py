"""Realism of images in the feature space of a judge, against images that nobody trained on.

Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models (2019);
coverage after Naeem et al., Reliable Fidelity and Diversity Metrics (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sureflow.core.lane import Sample
from sureflow.evaluation.judge import Judge
from sureflow.training.data import FASHION_NAMES, JUDGE_FIRST, fashion_mnist, scaled

NEIGHBOURS = 3
BLOCK = 1000
JUDGE = Path("models/judges/fashion.safetensors")

KEPT = 2000
"""Test images that :func:`unreal_clothes` leaves out, for whoever wants to check what was learned
from it."""

SETS, SET_SIZE = 30, 2000
"""Sets of real images that it compares with, and their size."""

PER_LOG_RATIO = 0.15
"""What it counts a realism ratio lower by a factor e, in shares of the sets."""


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


def unreal_clothes(samples: list[Sample]) -> list[float]:
    """How unreal images of clothes are; larger is worse.

    The share of sets of real images among which an image is off the manifold, less a part of the
    mean logarithm of its realism ratio there. Whether it lies in a ball of one set is a matter of
    luck; over many sets, drawn from 23,000 images that the flow has not seen, it is not. The first
    2,000 test images are not among these.

    For ``sureflow probe fashion --judge sureflow.evaluation.realism:unreal_clothes``.

    Raises:
        FileNotFoundError: The images are not installed, or this is not run in a checkout.
    """
    judge = Judge.load(JUDGE, len(FASHION_NAMES))
    data = torch.from_numpy(np.stack([sample.data for sample in samples]))
    return unreality(judge.read(data.clamp(-1, 1))[1], real_clothes(judge)).tolist()


def real_clothes(judge: Judge) -> Tensor:
    """Features of the images of which :func:`unreal_clothes` draws its sets, ``[m, 128]``."""
    images = (fashion_mnist("test")[0][KEPT:], fashion_mnist()[0][JUDGE_FIRST:])
    return torch.cat([judge.read(scaled(part))[1] for part in images])


def unreality(generated: Tensor, real: Tensor, sets: int = SETS, size: int = SET_SIZE) -> Tensor:
    """The same of features ``[n, d]`` among real ones ``[m, d]``, of which sets are drawn."""
    generator = torch.Generator().manual_seed(0)
    found = torch.zeros(len(generated), dtype=torch.double)
    for _ in range(sets):
        chosen = torch.randperm(len(real), generator=generator)[:size]
        place = realism(generated, real[chosen])
        found += place.off_manifold.double() - PER_LOG_RATIO * place.ratio.double().log()
    return found / sets
