"""A variance head beside a foreign network: it sees what goes in and what comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.core.card import Condition
from sureflow.moments import RowwiseLinear
from sureflow.moments.rowwise import RowwiseConv2d
from sureflow.networks.embedding import Embedding

TIME_AND_LABEL = 64
"""Width of the embedding of time and label."""

MOST_GIVEN = 256
"""Most numbers of a condition that the head sees."""

LARGEST = 12.0
"""Largest log-variance, and minus the smallest."""


class BesideHead(nn.Module):
    """Predicts the variance of a velocity per component from ``x``, ``v``, time and label.

    What is no image is predicted from conditions that are vectors as well: the data may be as open
    as one of them says.

    Three modulated layers: dilated convolutions for an image, dense ones for anything else. The
    network it stands beside may be anything, since nothing inside it is looked at.

    Args:
        shape: Shape of one sample.
        classes: Number of labels.
        width: Channels of the layers.
        given: How many numbers of conditions it sees; none of an image, which has channels.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, width: int, given: int = 0) -> None:
        super().__init__()
        self.image = len(shape) == 3
        size = shape[0] if self.image else int(torch.Size(shape).numel())
        self.embedding = Embedding(TIME_AND_LABEL, classes)
        self.first = self._layer(3 * size + given, width, 1)
        self.layers = nn.ModuleList(self._layer(width, width, 2**depth) for depth in (1, 2))
        self.modulations = nn.ModuleList(RowwiseLinear(TIME_AND_LABEL, 2 * width) for _ in range(3))
        self.last = self._layer(width, size, 1)
        # The variance begins at 1, about that of a velocity that knows nothing.
        nn.init.zeros_(self.last.get_parameter("weight"))
        nn.init.zeros_(self.last.get_parameter("bias"))

    def _layer(self, inputs: int, outputs: int, dilation: int) -> nn.Module:
        if not self.image:
            return RowwiseLinear(inputs, outputs)
        return RowwiseConv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor, v: Tensor, t: Tensor, label: Tensor, *given: Tensor) -> Tensor:
        """Variance ``[B, *shape]``, above 0, at points ``x`` with velocities ``v``."""
        embedding = self.embedding(t, label)
        left = (1 - t).reshape(-1, *(1 for _ in x.shape[1:]))
        parts = x, v, x + left * v
        rows = torch.cat(parts, 1) if self.image else _flat(*parts, *given)
        h = self._modulated(0, self.first(rows), embedding)
        for number, layer in enumerate(self.layers, 1):
            h = h + self._modulated(number, layer(h), embedding)
        return _exponential(self.last(h)).reshape(x.shape)

    def _modulated(self, number: int, h: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulations[number](embedding).chunk(2, -1)
        if self.image:
            scale, shift = scale[..., None, None], shift[..., None, None]
        return F.silu(h * (1 + scale) + shift)


def seen(conditions: Mapping[str, Condition], shape: tuple[int, ...]) -> dict[str, int]:
    """Which conditions a head for samples of this shape sees, by name, with their sizes."""
    sizes = {name: math.prod(z.shape) for name, z in conditions.items() if z.kind == "vector"}
    small = len(shape) != 3 and sum(sizes.values()) <= MOST_GIVEN
    return sizes if small else {}


def _flat(*tensors: Tensor) -> Tensor:
    return torch.cat([z.flatten(1) for z in tensors], 1)


def _exponential(z: Tensor) -> Tensor:
    """``exp(z)`` of a log-variance, from sigmoids: MKL's own differs between processors."""
    z = z.clamp(-LARGEST, LARGEST)
    return z.sigmoid() / (-z).sigmoid()
