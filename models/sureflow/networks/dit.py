"""A class-conditional patch transformer (DiT) for small images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sureflow.moments import Moments, RowwiseLinear, add, attention, gate, modulate, propagate
from sureflow.networks.embedding import Embedding
from sureflow.networks.network import NetworkOutput, VelocityNetwork, check_depth, noise_layers


class SelfAttention(nn.Module):
    """Multi-head self-attention over the tokens of a sample."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, h: Moments) -> Moments:
        """Attend within each sample of ``h [B, tokens, width]``."""
        qkv = propagate(self.qkv, h)
        split = (*h.mean.shape[:2], 3, self.heads, -1)

        def part(index: int) -> Moments:
            return qkv.map(lambda z: z.reshape(split)[:, :, index].transpose(1, 2).contiguous())

        mixed = attention(part(0), part(1), part(2))
        return propagate(self.out, mixed.map(lambda z: z.transpose(1, 2).flatten(2)))


class TransformerBlock(nn.Module):
    """Attention and a GELU perceptron, each modulated and gated by the embedding (AdaLN-zero).

    The gates start at zero, so a fresh block is the identity (Peebles and Xie 2023, section 3.2).
    """

    def __init__(self, width: int, embedding: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.input = nn.Linear(width, expansion * width)
        self.act = nn.GELU()
        self.output = nn.Linear(expansion * width, width)
        self.film = RowwiseLinear(embedding, 6 * width)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, h: Moments, embedding: Tensor) -> Moments:
        """Transform ``h [B, tokens, width]`` with ``embedding [B, E]``."""
        scale1, shift1, gate1, scale2, shift2, gate2 = (
            self.film(embedding).unsqueeze(1).chunk(6, -1)
        )
        branch = self.attention(modulate(propagate(self.norm1, h), scale1, shift1))
        h = add(h, gate(branch, gate1))
        branch = propagate(self.input, modulate(propagate(self.norm2, h), scale2, shift2))
        branch = propagate(self.output, propagate(self.act, branch))
        return add(h, gate(branch, gate2))


class DiT(VelocityNetwork):
    """Transformer over the patches of an image, with learned positions.

    Args:
        shape: ``(channels, height, width)``; height and width divide by ``patch``.
        width: Width of a token; divides by ``heads``.
        blocks: Transformer blocks.
        heads: Attention heads.
        patch: Edge of a patch in pixels.
        expansion: Hidden width of the perceptrons, as a multiple of ``width``.
        classes: Number of labels, 0 for unconditional.
        embedding: Width of the time-and-label embedding.
        noise: Where noise is injected, any of ``head`` (before the last linear layer, where the
            variance is exact) and ``block_K`` (after block K).
        floor: See :class:`~sureflow.networks.network.VelocityNetwork`.

    Raises:
        ValueError: The image does not divide into patches, the width not into heads, there are
            too many blocks, or ``noise`` names no layer.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 128,
        blocks: int = 4,
        heads: int = 4,
        patch: int = 4,
        expansion: int = 4,
        classes: int = 0,
        embedding: int = 256,
        noise: Sequence[str] = ("head",),
        floor: float = 1e-4,
    ) -> None:
        colours, rows, columns = shape
        super().__init__((colours, rows, columns), classes, floor)
        check_depth("blocks", blocks)
        if rows % patch or columns % patch:
            raise ValueError(f"shape: {rows}x{columns} does not divide by patch {patch}")
        if not isinstance(heads, int) or heads < 1 or width % heads:
            raise ValueError(f"width: {width} does not divide by {heads} heads")
        pixels = colours * patch * patch
        grid = (rows // patch, columns // patch)

        self.embedding = Embedding(embedding, classes)
        self.patchify = nn.Sequential(nn.PixelUnshuffle(patch), nn.Flatten(2))
        self.stem = nn.Linear(pixels, width)
        self.position = nn.Parameter(0.02 * torch.randn(grid[0] * grid[1], width))
        self.blocks = nn.ModuleList(
            TransformerBlock(width, embedding, heads, expansion) for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = RowwiseLinear(embedding, 2 * width)
        self.head = nn.Linear(width, pixels)
        self.unpatchify = nn.Sequential(nn.Unflatten(2, grid), nn.PixelShuffle(patch))
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

        places = [*(f"block_{index}" for index in range(blocks)), "head"]
        self.noise = noise_layers(noise, dict.fromkeys(places, width), embedding)
        self.probe_channels = width

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        embedding = self.embedding(t, label)
        patches = propagate(self.patchify, Moments(x)).map(lambda z: z.mT)
        h = add(propagate(self.stem, patches), Moments(self.position))
        for index, block in enumerate(self.blocks):
            h = self.with_noise(f"block_{index}", block(h, embedding), embedding, noisy)
        scale, shift = self.film(embedding).unsqueeze(1).chunk(2, -1)
        h = modulate(propagate(self.norm, h), scale, shift)
        h = self.with_noise("head", h, embedding, noisy)
        out = propagate(self.unpatchify, propagate(self.head, h).map(lambda z: z.mT))
        return NetworkOutput(out.mean, out.variance, hidden=h.mean)
