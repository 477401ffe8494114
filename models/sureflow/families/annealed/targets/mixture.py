"""A mixture of Gaussians."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Mixture(nn.Module):
    """Log density of ``sum_k w_k N(m_k, s_k^2 I)``, with the constant, so that its log Z is 0.

    The 40 modes in the plane are those of Midgley et al., Flow Annealed Importance Sampling
    Bootstrap (2023): means uniform on a square, of equal weights.

    Args:
        modes: How many; their numbers are in the checkpoint's tensors.
        dimension: Of the space.
    """

    means: Tensor
    scales: Tensor
    weights: Tensor

    def __init__(self, modes: int, dimension: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(modes, dimension, dtype=torch.float64))
        self.register_buffer("scales", torch.ones(modes, dtype=torch.float64))
        self.register_buffer("weights", torch.full((modes,), 1 / modes, dtype=torch.float64))

    @classmethod
    def of(
        cls, means: Sequence[Sequence[float]], scales: Sequence[float], weights: Sequence[float]
    ) -> Mixture:
        """The mixture of these components; the weights are normalised."""
        made = cls(len(means), len(means[0]))
        made.means.copy_(torch.as_tensor(means, dtype=torch.float64))
        made.scales.copy_(torch.as_tensor(scales, dtype=torch.float64))
        given = torch.as_tensor(weights, dtype=torch.float64)
        made.weights.copy_(given / given.sum())
        return made

    def forward(self, x: Tensor) -> Tensor:
        """Log density ``[n]`` at ``x [n, d]``."""
        squares = ((x[:, None] - self.means) / self.scales[:, None]).square().sum(-1)
        constant = self.weights.log() - x.shape[1] * (self.scales.log() + math.log(2 * math.pi) / 2)
        return torch.logsumexp(constant - squares / 2, 1)

    def exact(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent draws ``[n, d]``."""
        mode = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        return self.means[mode] + self.scales[mode, None] * noise
