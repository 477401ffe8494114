"""A small encoder of images to latents, for models of our own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from sureflow.moments import RowwiseConv2d
from sureflow.networks.network import check_depth


class ImageEncoder(nn.Module):
    """Convolutions, each but the last followed by a halving of the edges.

    Maps ``[B, colours, h 2^n, w 2^n]`` to ``[B, latent, h, w]``, where ``n`` is one less than the
    number of ``channels``: the mirror image of an
    :class:`~sureflow.networks.image_decoder.ImageDecoder`. A halving folds space into four times as
    many channels. Over the data of its training a latent has mean 0 and variance 1 by channel.

    Args:
        latent: Channels of a latent.
        channels: Widths, finest first.
        colours: Channels of an image.

    Raises:
        ValueError: There are too many levels.
    """

    def __init__(self, latent: int, channels: Sequence[int] = (16, 32, 64), colours: int = 1):
        super().__init__()
        check_depth("channels", len(channels))
        self.stem = RowwiseConv2d(colours, channels[0], 3, padding=1)
        self.shrink = nn.ModuleList(
            RowwiseConv2d(4 * fine, coarse, 3, padding=1) for fine, coarse in pairwise(channels)
        )
        self.fold = nn.PixelUnshuffle(2)
        self.act = nn.SiLU()
        self.head = RowwiseConv2d(channels[-1], latent, 3, padding=1)
        self.norm = nn.BatchNorm2d(latent, affine=False)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images."""
        h = self.act(self.stem(images))
        for layer in self.shrink:
            h = self.act(layer(self.fold(h)))
        out: Tensor = self.norm(self.head(h))
        return out
