"""Realism of images in the feature space of a judge, compared with held-out real images.

Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models (2019);
coverage after Naeem et al., Reliable Fidelity and Diversity Metrics (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sureflow.core.lane import Sample
from sureflow.evaluation.judge import Judge
from sureflow.folders import judges_folder
from sureflow.training.arrays import scaled
from sureflow.training.data import FASHION_NAMES, JUDGE_FIRST, fashion_mnist

NEIGHBOURS = 3
BLOCK = 1000
JUDGE = judges_folder() / "fashion.safetensors"

KEPT = 2000
"""Number of test images that :func:`unreal_clothes` leaves out, so that they can check a probe."""

SETS, SET_SIZE = 30, 2000
"""Number and size of the sets of real images that :func:`unreal_clothes` compares with."""

PER_LOG_RATIO = 0.15
"""Weight of the logarithm of the realism ratio in :func:`unreality`."""


@dataclass(frozen=True)
class Realism:
    """Positions of generated images relative to real ones.

    The ball of an image reaches to its third neighbour among images of the same set.

    Attributes:
        off_manifold: Whether each image lies in no ball of a real one, ``[n]``.
        ratio: Largest ratio of a real ball's radius to the distance from its centre, ``[n]``;
            larger is more real. As in the paper, it ignores the larger half of the balls, which
            belong to outliers.
    """

    off_manifold: Tensor
    ratio: Tensor

    @property
    def least_fifth(self) -> Tensor:
        """Whether each image is among the least realistic fifth, ``[n]``."""
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
        torch.cat([~(ratio.amax(1) >= 1) for ratio in ratios]),
        torch.cat([ratio[:, usual].amax(1) for ratio in ratios]),
    )


def recall(generated: Tensor, real: Tensor) -> float:
    """Share of real images that lie in the ball of a generated one."""
    return float((~realism(real, generated).off_manifold).double().mean())


def coverage(generated: Tensor, real: Tensor) -> float:
    """Share of real images whose ball contains a generated one."""
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

    For each image, the share of sets of real images in which it lies in no ball, less a part of the
    mean logarithm of its realism ratio. Many sets, since a single one is a matter of chance, are
    drawn from 23,000 images that the flow was not trained on, without the first 2,000 test images.

    For ``sureflow probe fashion --judge sureflow.evaluation.realism:unreal_clothes``.

    Raises:
        FileNotFoundError: The images are not installed, or this is not run in a checkout.
    """
    judge = Judge.load(JUDGE, len(FASHION_NAMES))
    data = torch.from_numpy(np.stack([sample.data for sample in samples]))
    return unreality(judge.read(data.clamp(-1, 1))[1], real_clothes(judge)).tolist()


def real_clothes(judge: Judge) -> Tensor:
    """Features of the images from which :func:`unreal_clothes` draws its sets, ``[m, 128]``."""
    images = (fashion_mnist("test")[0][KEPT:], fashion_mnist()[0][JUDGE_FIRST:])
    return torch.cat([judge.read(scaled(part))[1] for part in images])


def unreality(generated: Tensor, real: Tensor, sets: int = SETS, size: int = SET_SIZE) -> Tensor:
    """How unreal features ``[n, d]`` are among real ones ``[m, d]``; see :func:`unreal_clothes`."""
    generator = torch.Generator().manual_seed(0)
    found = torch.zeros(len(generated), dtype=torch.double)
    for _ in range(sets):
        chosen = torch.randperm(len(real), generator=generator)[:size]
        place = realism(generated, real[chosen])
        found += place.off_manifold.double() - PER_LOG_RATIO * place.ratio.double().log()
    return found / sets
