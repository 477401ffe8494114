"""Classifiers: the class of a state, read from what a network computes of it."""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments.rowwise import linear
from sureflow.moments.rules import widened
from sureflow.networks import tensor_file

WEIGHT, BIAS = "weight", "bias"

MOST_CELLS = 256
"""Most cells that are read."""


def celled(hidden: Tensor, cells: int) -> Tensor:
    """Means of every channel over so many equal cells of the positions of a row, ``[B, C cells]``.

    The cells of an image ``[B, C, H, W]`` are the squares of a grid; those of ``[B, tokens, C]``
    are runs of tokens. ``[B, C]`` is a single position.
    """
    h = widened(hidden)
    if h.dim() == 4:
        side = isqrt(cells)
        return (h if h.shape[2:] == (side, side) else F.adaptive_avg_pool2d(h, side)).flatten(1)
    rows = h.mT if h.dim() == 3 else h.flatten(2) if h.dim() > 4 else h[..., None]
    return (rows if rows.shape[2] == cells else F.adaptive_avg_pool1d(rows, cells)).flatten(1)


class Classifier(nn.Module):
    """Reads the class of a state from activations, linear in their :func:`celled` means.

    It is a multinomial logistic regression, which learned the classes of data on the way to which
    noise was mixed. The network must not be told the class that it reads; its activations without
    a label are those of a classifier of noisy states. Alain and Bengio, Understanding intermediate
    layers using linear classifier probes (2016); Xiang et al., Denoising Diffusion Autoencoders
    are Unified Self-supervised Learners (2023).

    Args:
        weight: By class, channel and cell, ``[classes, C, cells]``, float32; the cells are a square
            number.
        bias: ``[classes]``, float32.
        settings: How it was fitted: data, seed, accuracy on data held out.

    Raises:
        ValueError: The tensors have other shapes or types, or hold NaN or infinity.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, settings: dict[str, Any]) -> None:
        super().__init__()
        cells = weight.shape[2] if weight.dim() == 3 else 0
        square = 0 < cells == isqrt(cells) ** 2 <= MOST_CELLS
        if not square or weight.shape[0] < 2 or not weight.shape[1]:
            wanted = f"[classes, C, cells] with a square number of cells, at most {MOST_CELLS}"
            raise ValueError(f"{WEIGHT} has shape {[*weight.shape]}, not {wanted}")
        if bias.shape != weight.shape[:1]:
            raise ValueError(f"{BIAS} has shape {[*bias.shape]}, not [{weight.shape[0]}]")
        for name, tensor in ((WEIGHT, weight), (BIAS, bias)):
            if tensor.dtype != torch.float32:
                raise ValueError(f"{name} is {tensor.dtype}, not float32")
            if not tensor.isfinite().all():
                raise ValueError(f"{name} holds NaN or infinity")
            # Not part of the network's state, because the classifier has its own file.
            self.register_buffer(name, tensor, persistent=False)
        self.settings = settings

    @property
    def channels(self) -> int:
        """Number of channels of the activations that it reads."""
        return self.weight.shape[1]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.weight.shape[0]

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits ``[B, classes]`` of rows ``hidden [B, ...]``."""
        return linear(celled(hidden, self.weight.shape[2]), self.weight.flatten(1), self.bias)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies this classifier."""
        return dict(self.named_buffers())

    def save(self, path: Path) -> None:
        """Write the classifier into a checkpoint folder."""
        tensor_file.write(path, self.tensors(), self.settings)

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Read a classifier.

        Raises:
            ValueError: The file lacks a tensor, or the tensors are not a classifier.
        """
        (weight, bias), settings = tensor_file.read(path, (WEIGHT, BIAS))
        return cls(weight, bias, settings)
