"""Handwritten digits of 8 by 8 pixels: those that models are trained on, and those held out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from sureflow.training.digits import digits

SIDE, CLASSES = 8, 10
SHAPE = (1, SIDE, SIDE)
TRAINED = 3000
"""The first so many train the models, the others the judge."""


@cache
def small() -> tuple[Tensor, Tensor]:
    """Images float32 ``[5000, 1, 8, 8]`` in [-1, 1], means of 4 by 4 pixels, and labels."""
    images, labels = digits()
    padded = F.pad(images.float() / 255, (2, 2, 2, 2))
    return F.avg_pool2d(padded, 4) * 2 - 1, labels


def batch(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Images and labels to train on, drawn with replacement."""
    images, labels = small()
    index = torch.randint(TRAINED, (count,), generator=generator)
    return images[index], labels[index]


def save_samples(samples: Tensor, labels: Tensor, file: Path) -> None:
    """Write samples as ``sureflow import --data`` reads them."""
    save_file({"samples": samples.contiguous(), "labels": labels.contiguous()}, file)
