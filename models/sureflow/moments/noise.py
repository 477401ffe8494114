"""Input-dependent multiplicative noise, the source of every variance."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments.moments import Moments
from sureflow.moments.rowwise import RowwiseLinear, pointwise
from sureflow.moments.rules import widened

ALPHA_MIN, ALPHA_MAX = 1e-6, 50.0


class MultiplicativeNoise(nn.Module):
    """The layer ``h * (1 + sqrt(alpha(h, t)) eps)`` with ``eps ~ N(0, I)``, integrated out.

    The mean is untouched. For input variance ``S`` and mean ``m`` the output variance is
    ``S (1 + alpha) + alpha m^2``, exact for given ``alpha`` (Flow Matching with Confidence,
    arXiv 2605.18472). ``alpha`` is a small pointwise network of the
    layer's own input, modulated by the time-and-condition embedding.

    Args:
        channels: Channels ``C`` of ``[B, C, H, W]``, ``[B, C]`` or ``[B, tokens, C]``.
        embedding: Width of the embedding ``[B, E]``.
        width: Hidden width of the alpha network.
    """

    def __init__(self, channels: int, embedding: int, width: int = 32) -> None:
        super().__init__()
        self.input = nn.Linear(channels, width)
        self.film = RowwiseLinear(embedding, 2 * width)
        self.hidden = nn.Linear(width, width)
        self.output = nn.Linear(width, channels)
        nn.init.zeros_(self.output.weight)
        nn.init.constant_(self.output.bias, math.log(math.expm1(0.1)))

    def alpha(self, mean: Tensor, embedding: Tensor) -> Tensor:
        """Noise variance relative to the squared activation, same shape as ``mean``, positive."""
        channels = 1 if mean.dim() == 4 else -1  # an image keeps its layout
        h = widened(mean)
        flat = h.flatten(2) if channels == 1 else h.reshape(len(h), -1, h.shape[-1])

        def apply(layer: nn.Linear, z: Tensor) -> Tensor:
            return pointwise(layer.weight, layer.bias, z) if channels == 1 else layer(z)

        scale, shift = self.film(widened(embedding)).unsqueeze(-channels).chunk(2, channels)
        # In place, because these are large and new memory is slow.
        z = F.silu(apply(self.input, flat).mul_(1 + scale).add_(shift), inplace=True)
        z = F.silu(apply(self.hidden, z), inplace=True).add_(z)
        return F.softplus(apply(self.output, z)).clamp_(ALPHA_MIN, ALPHA_MAX).reshape(h.shape)

    def forward(self, h: Moments, embedding: Tensor) -> Moments:
        """Add the variance of the noise to ``h``; the mean is returned as it is."""
        with torch.autocast(h.mean.device.type, enabled=False):
            alpha = self.alpha(h.mean, embedding)
            variance = alpha * widened(h.mean).square()
            if h.variance is not None:
                variance = variance + h.variance * (1 + alpha)
        return Moments(h.mean, variance)
