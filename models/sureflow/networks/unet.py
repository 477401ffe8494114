"""A class-conditional U-Net for small images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from sureflow.moments import (
    Moments,
    RowwiseConv2d,
    RowwiseLinear,
    UpsampleConv2d,
    add,
    attention,
    concatenate,
    modulate,
    propagate,
)
from sureflow.moments.rowwise import PointwiseConv2d
from sureflow.networks.embedding import Embedding, PooledConditions
from sureflow.networks.foreign.conditions import read_conditions
from sureflow.networks.network import NetworkOutput, VelocityNetwork, check_depth, noise_layers


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with group norm, SiLU and FiLM by the embedding."""

    def __init__(self, channels: int, embedding: int, groups: int) -> None:
        super().__init__()
        self.act = nn.SiLU()
        self.norm1 = nn.GroupNorm(groups, channels)
        self.conv1 = RowwiseConv2d(channels, channels, 3, padding=1)
        self.film = RowwiseLinear(embedding, 2 * channels)
        self.norm2 = nn.GroupNorm(groups, channels)
        self.conv2 = RowwiseConv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, h: Moments, embedding: Tensor) -> Moments:
        """Transform ``h [B, C, H, W]`` with ``embedding [B, E]``."""
        scale, shift = self.film(embedding)[..., None, None].chunk(2, 1)
        branch = propagate(self.conv1, propagate(self.act, propagate(self.norm1, h)))
        branch = modulate(propagate(self.norm2, branch), scale, shift)
        return add(h, propagate(self.conv2, propagate(self.act, branch)))


class SelfAttention2d(nn.Module):
    """Residual self-attention over the pixels of a small feature map."""

    def __init__(self, channels: int, heads: int, groups: int) -> None:
        super().__init__()
        if not isinstance(heads, int) or heads < 1 or channels % heads:
            raise ValueError(f"heads: {channels} channels do not divide into {heads!r:.40}")
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = PointwiseConv2d(channels, 3 * channels)
        self.out = PointwiseConv2d(channels, channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, h: Moments) -> Moments:
        """Attend within each sample of ``h [B, C, H, W]``."""
        batch, channels, height, width = h.mean.shape
        heads, size = self.heads, channels // self.heads

        def part(index: int) -> Moments:
            return qkv.map(
                lambda z: z.view(batch, 3, heads, size, height * width)[:, index].mT.contiguous()
            )

        qkv = propagate(self.qkv, propagate(self.norm, h))
        mixed = attention(part(0), part(1), part(2))
        mixed = mixed.map(lambda z: z.mT.reshape(batch, channels, height, width))
        return add(h, propagate(self.out, mixed))


class UNet(VelocityNetwork):
    """Patchify, residual blocks down and up with one skip per level, attention at the bottom.

    The input is cut into ``patch x patch`` squares (pixel-unshuffle), so that no convolution runs
    at full resolution. On a CPU this allows twice the width in the same time.

    Args:
        shape: ``(channels, height, width)``; height and width divide by ``patch * 2**(levels-1)``.
        shapes: All shapes that it is to be evaluated at, of which that is the first.
        channels: Width of each level, finest first.
        blocks: Residual blocks per level, on each side.
        patch: Edge of a patch in pixels.
        classes: Number of labels, 0 for unconditional.
        embedding: Width of the time-and-label embedding.
        heads: Attention heads at the coarsest level.
        groups: Groups of the group norms.
        noise: Where noise is injected, any of ``head`` (before the last convolution, where the
            variance is exact), ``up_K`` (after level K on the way up) and ``middle``.
        floor: See :class:`~sureflow.networks.network.VelocityNetwork`.
        conditions: Named arrays that it takes besides a label: by name the fields of a
            :class:`~sureflow.core.card.Condition`. The mean of their rows joins the embedding.

    Raises:
        ValueError: A condition is not valid, the image does not divide into patches and levels,
            the channels not into heads, there are too many levels or blocks, or ``noise`` names no
            layer.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int] = (64, 128),
        blocks: int = 2,
        patch: int = 2,
        classes: int = 0,
        embedding: int = 256,
        heads: int = 4,
        groups: int = 8,
        noise: Sequence[str] = ("head",),
        floor: float = 1e-4,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        shapes: Sequence[Sequence[int]] = (),
    ) -> None:
        colours, height, width = shape
        super().__init__((colours, height, width), classes, floor)
        self.conditions = read_conditions(conditions or {})
        check_depth("channels", len(channels))
        check_depth("blocks", blocks)
        self.serve(shapes)
        stride = patch * 2 ** (len(channels) - 1)
        for _, high, wide in self.shapes:
            if high % stride or wide % stride:
                raise ValueError(f"shape: {high}x{wide} does not divide by {stride}")
        pixels = colours * patch * patch

        def stack(width: int) -> nn.ModuleList:
            return nn.ModuleList(ResidualBlock(width, embedding, groups) for _ in range(blocks))

        self.embedding = Embedding(embedding, classes)
        given = {name: condition.shape for name, condition in self.conditions.items()}
        self.given = PooledConditions(embedding, given)
        self.patchify = nn.PixelUnshuffle(patch)
        self.stem = RowwiseConv2d(pixels, channels[0], 3, padding=1)
        self.down = nn.ModuleList(stack(width) for width in channels)
        self.shrink = nn.ModuleList(
            RowwiseConv2d(fine, coarse, 3, stride=2, padding=1)
            for fine, coarse in pairwise(channels)
        )
        self.middle = SelfAttention2d(channels[-1], heads, groups)
        self.merge = nn.ModuleList(PointwiseConv2d(2 * width, width) for width in channels)
        self.up = nn.ModuleList(stack(width) for width in channels)
        self.grow = nn.ModuleList(
            UpsampleConv2d(coarse, fine) for fine, coarse in pairwise(channels)
        )
        self.norm = nn.GroupNorm(groups, channels[0])
        self.act = nn.SiLU()
        self.head = RowwiseConv2d(channels[0], pixels, 3, padding=1)
        self.unpatchify = nn.PixelShuffle(patch)

        ups = {f"up_{level}": count for level, count in enumerate(channels)}
        places = {"middle": channels[-1], **ups, "head": channels[0]}
        self.noise = noise_layers(noise, places, embedding)
        self.probe_channels = channels[-1]

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        embedding = self.embedding(t, label, self.given(given))
        h = propagate(self.stem, propagate(self.patchify, Moments(x)))
        skips = []
        for level, blocks in enumerate(self.down):
            if level:
                h = propagate(self.shrink[level - 1], h)
            h = _through(blocks, h, embedding)
            skips.append(h)
        h = self.with_noise("middle", self.middle(h), embedding, noisy)
        hidden = None
        for level in reversed(range(len(self.up))):
            h = propagate(self.merge[level], concatenate([h, skips[level]]))
            h = _through(self.up[level], h, embedding)
            if level == len(self.up) - 1:  # the coarsest
                hidden = h.mean
            h = self.with_noise(f"up_{level}", h, embedding, noisy)
            if level:
                h = propagate(self.grow[level - 1], h)
        h = propagate(self.act, propagate(self.norm, h))
        h = self.with_noise("head", h, embedding, noisy)
        out = propagate(self.unpatchify, propagate(self.head, h))
        return NetworkOutput(out.mean, out.variance, hidden=hidden)


def _through(blocks: Any, h: Moments, embedding: Tensor) -> Moments:
    for block in blocks:
        h = block(h, embedding)
    return h
