"""Embedding of time and condition."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sureflow.moments import RowwiseLinear


class TimeEmbedding(nn.Module):
    """Sinusoidal features of ``t`` in [0, 1], then a two-layer perceptron; ``[B] -> [B, width]``.

    Frequencies run geometrically from 1 to 1000 radians per unit time, so the features resolve
    differences of about a thousandth.
    """

    frequencies: Tensor

    def __init__(self, width: int, features: int = 64) -> None:
        super().__init__()
        exponents = torch.linspace(0, math.log(1000.0), features // 2)
        self.register_buffer("frequencies", exponents.exp(), persistent=False)
        self.input = RowwiseLinear(features, width)
        self.output = RowwiseLinear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        """Embed times."""
        angles = t.to(self.frequencies.dtype)[:, None] * self.frequencies
        features = torch.cat([angles.cos(), angles.sin()], -1)
        out: Tensor = self.output(nn.functional.silu(self.input(features)))
        return out


class Embedding(nn.Module):
    """Time plus class label, with one extra entry for the null label; ``[B], [B] -> [B, width]``.

    The result has passed a SiLU, so that modulation layers are single linear maps of it.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(width)
        self.label = nn.Embedding(classes + 1, width)

    def forward(self, t: Tensor, label: Tensor, given: Tensor | None = None) -> Tensor:
        """Embed times and labels, and what is ``given`` besides, ``[B, width]``."""
        embedding = self.time(t) + self.label(label)
        return nn.functional.silu(embedding if given is None else embedding + given)


class PooledConditions(nn.Module):
    """The mean over the rows of each condition, such as the tokens of a text, mapped and added.

    Args:
        width: Width of the embedding.
        conditions: Shapes of the conditions by name; the last size is that of a row.
    """

    def __init__(self, width: int, conditions: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.maps = nn.ModuleDict(
            {name: RowwiseLinear(shape[-1], width) for name, shape in conditions.items()}
        )

    def forward(self, given: Mapping[str, Tensor]) -> Tensor | None:
        """Embed conditions by name, each ``[B, ..., size]``; ``None`` if there are none."""
        total: Tensor | None = None
        for name, mapped in self.maps.items():
            value = given[name].flatten(1, -2).mean(1) if given[name].dim() > 2 else given[name]
            embedding = mapped(value)
            total = embedding if total is None else total + embedding
        return total
