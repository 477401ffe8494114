"""A bidirectional transformer that predicts the masked symbols of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sureflow.networks.embedding import TimeEmbedding
from sureflow.networks.network import check_depth
from sureflow.networks.sequence_network import SequenceNetwork

MAX_WIDTH = 8192
BASE = 10_000.0
"""Longest wavelength of the rotary positions, over 2 pi (Su et al., RoFormer, 2021)."""


class SequenceTransformer(SequenceNetwork):
    """A transformer over the tokens.

    The time that it is told is the share of tokens that are known, which it counts itself: for
    masked diffusion the best prediction depends on nothing else of the time (Ou et al., Your
    Absorbing Discrete Diffusion Secretly Models the Conditional Distributions of Clean Data, 2025).

    Args:
        alphabet: See :class:`~sureflow.networks.sequence_network.SequenceNetwork`, as for
            ``length``, ``conditions`` and ``notation``. Each condition has besides the ``mean`` and
            the ``deviation`` by which it is standardised.
        width: Channels of a token.
        layers: Blocks of attention and perceptron.
        heads: Heads of the attention; they divide the width into even parts.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    def __init__(
        self,
        alphabet: str,
        length: int,
        width: int = 128,
        layers: int = 6,
        heads: int = 4,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        notation: str = "",
    ) -> None:
        super().__init__(alphabet, length, conditions, notation)
        check_depth("layers", layers)
        if not 1 <= width <= MAX_WIDTH:
            raise ValueError(f"width: {width} is not in 1 .. {MAX_WIDTH}")
        if heads < 1 or width % (2 * heads):
            raise ValueError(f"heads: {heads} do not divide {width} channels into even parts")
        self.scales = {name: _scale(name, said) for name, said in (conditions or {}).items()}
        self.embed = nn.Embedding(self.symbols + 1, width)
        # Rotations tell two places apart, but not where the sequence begins if all is masked.
        self.places = nn.Parameter(0.5 * torch.randn(length, width))
        self.time = TimeEmbedding(width)
        self.given = nn.ModuleDict({name: nn.Linear(1, width) for name in self.conditions})
        self.absent = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(width)) for name in self.conditions}
        )
        self.blocks = nn.ModuleList(_Block(width, heads, length) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, self.symbols)

    def forward(self, tokens: Tensor, **given: Tensor) -> Tensor:
        """Logits, see :class:`~sureflow.networks.sequence_network.SequenceNetwork`."""
        context = self.time((tokens != self.mask).float().mean(1))
        for name in self.conditions:
            context = context + self._condition(name, given.get(name), len(tokens))
        x = self.embed(tokens) + self.places + context[:, None]
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.output(self.norm(x))
        return out

    def _condition(self, name: str, value: Tensor | None, rows: int) -> Tensor:
        """A number embedded ``[B, width]``, or what stands for its absence."""
        absent: Tensor = self.absent[name].expand(rows, -1)
        if value is None:
            return absent
        mean, deviation = self.scales[name]
        embedded: Tensor = self.given[name]((value - mean) / deviation)
        null = value == self.conditions[name].null
        return torch.where(null, absent, embedded)


class _Block(nn.Module):
    """Attention among all tokens, then a perceptron for each."""

    cosines: Tensor
    sines: Tensor

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.project = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        half = width // heads // 2
        angles = torch.arange(length)[:, None] * BASE ** -(torch.arange(half) / half)
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._attend(self.norms[0](x))
        out: Tensor = x + self.narrow(functional.gelu(self.widen(self.norms[1](x))))
        return out

    def _attend(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.project(x).reshape(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = self._turned(parts[0]), self._turned(parts[1]), parts[2]
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.mix(mixed.transpose(1, 2).reshape(rows, length, width))
        return out

    def _turned(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        cosines, sines = self.cosines, self.sines
        return torch.cat([first * cosines - second * sines, first * sines + second * cosines], -1)


def _scale(name: str, said: Mapping[str, Any]) -> tuple[float, float]:
    mean, deviation = float(said["mean"]), float(said["deviation"])
    if not deviation > 0:
        raise ValueError(f"conditions: the deviation of {name} is not above 0")
    return mean, deviation
