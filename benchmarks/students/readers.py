"""Judges of images, with features in which they are compared with real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sureflow.evaluation.digit_reader import DEVIATION, MEAN, DigitReader
from sureflow.evaluation.frechet import frechet_distance
from sureflow.evaluation.judge import Judge
from sureflow.folders import embedded_folder
from sureflow.training.arrays import scaled
from sureflow.training.data import fashion_mnist
from sureflow.training.digits import digits

HELD_OUT = 4500
"""First digit that the flow has not seen."""

COMPARED = 500
"""Real images that samples are compared with."""


@dataclass(frozen=True)
class Reader:
    """A judge.

    Attributes:
        read: Labels ``[n]`` and features ``[n, F]`` of images in [-1, 1].
        real: Features of real images that the flow has not seen.
        floor: Fréchet distance from these to as many other real images.
        mistaken: Share of these that are misread.
    """

    read: Callable[[Tensor], tuple[Tensor, Tensor]]
    real: Tensor
    floor: float
    mistaken: float


def readers() -> dict[str, Reader]:
    """The judges, by name of the teacher."""
    return {"digits": _digits(), "fashion": _fashion()}


def _digits() -> Reader:
    """The CNN of others, with the activations before its last layer."""
    reader = DigitReader.load()
    before = torch.nn.Sequential(*[*reader.fc_layers][:-1])

    @torch.inference_mode()
    def read(images: Tensor) -> tuple[Tensor, Tensor]:
        pixels = (images.clamp(-1, 1) + 1) / 2
        hidden = before(reader.conv_layers((pixels - MEAN) / DEVIATION).flatten(1))
        return reader.fc_layers[-1](hidden).argmax(1), hidden

    images, labels = digits()
    unseen = slice(HELD_OUT, HELD_OUT + COMPARED)
    told, real = read(scaled(images[unseen]))
    mistaken = float((told != labels[unseen]).double().mean())
    return Reader(read, real, frechet_distance(read(scaled(images[:COMPARED]))[1], real), mistaken)


def _fashion() -> Reader:
    """Our own judge, which was trained on images that the flow has not seen."""
    judge = Judge.load(embedded_folder().parent / "judges" / "fashion.safetensors", 10)

    def read(images: Tensor) -> tuple[Tensor, Tensor]:
        return judge.read(images.clamp(-1, 1))

    images, labels = fashion_mnist("test")
    told, features = read(scaled(images[: 2 * COMPARED]))
    real, other = torch.split(features, COMPARED)
    mistaken = float((told[:COMPARED] != labels[:COMPARED]).double().mean())
    return Reader(read, real, frechet_distance(other, real), mistaken)
