"""Neal's funnel."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Funnel(nn.Module):
    """Log density of ``x_0 ~ N(0, s^2)``, ``x_i ~ N(0, exp(x_0))``, with the constant: log Z = 0.

    Source: Neal, Slice sampling (2003), section 8.

    Args:
        dimension: Of the space, that of the neck included.
        scale: Standard deviation ``s`` of the log variance.
    """

    def __init__(self, dimension: int = 10, scale: float = 3.0) -> None:
        super().__init__()
        if dimension < 2 or not scale > 0:
            raise ValueError("funnel: has at least 2 dimensions and a scale above 0")
        self.dimension, self.scale = dimension, scale

    def forward(self, x: Tensor) -> Tensor:
        """Log density ``[n]`` at ``x [n, d]``."""
        neck, rest = x[:, 0], x[:, 1:]
        count = self.dimension - 1
        outer = -(neck / self.scale).square() / 2 - math.log(self.scale)
        inner = -rest.square().sum(1) * torch.exp(-neck) / 2 - count * neck / 2
        return outer + inner - self.dimension * math.log(2 * math.pi) / 2

    def exact(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent draws ``[n, d]``."""
        noise = torch.randn(n, self.dimension, generator=generator, dtype=torch.float64)
        neck = self.scale * noise[:, :1]
        return torch.cat([neck, torch.exp(neck / 2) * noise[:, 1:]], 1)
