"""A small encoder of short texts, for models of our own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.networks.network import check_depth


class TokenTransformer(nn.Module):
    """Embeds tokens and their positions, and lets them attend to each other.

    Maps tokens ``[B, tokens]`` to ``[B, tokens, width]``. Tokens that fill up take part as any
    other, so that a text of these alone has an embedding too.

    Args:
        size: Number of different tokens.
        tokens: Number of tokens of a text.
        width: Width of a token; divides by ``heads``.
        blocks: Number of transformer blocks.
        heads: Attention heads.

    Raises:
        ValueError: The width does not divide into heads, or there are too many blocks.
    """

    def __init__(
        self, size: int, tokens: int, width: int = 64, blocks: int = 1, heads: int = 4
    ) -> None:
        super().__init__()
        check_depth("blocks", blocks)
        if not isinstance(heads, int) or heads < 1 or width % heads:
            raise ValueError(f"width: {width} does not divide by {heads!r:.40} heads")
        self.token = nn.Embedding(size, width)
        self.position = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Encode texts."""
        h = self.token(tokens) + self.position
        for block in self.blocks:
            h = block(h)
        out: Tensor = self.norm(h)
        return out


class _Block(nn.Module):
    """Attention and a perceptron, each behind a norm and beside a residual connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.input, self.output = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor) -> Tensor:
        rows, tokens, width = h.shape
        parts = self.qkv(self.norm1(h)).reshape(rows, tokens, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
        h = h + self.out((weights @ value).transpose(1, 2).reshape(rows, tokens, width))
        inner: Tensor = self.output(F.silu(self.input(self.norm2(h))))
        return h + inner
