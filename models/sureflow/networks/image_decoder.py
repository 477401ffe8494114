"""A small decoder of latent images, for models of our own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from sureflow.moments import RowwiseConv2d
from sureflow.networks.network import check_depth


class ImageDecoder(nn.Module):
    """Convolutions, each but the first followed by a doubling of the edges.

    Maps ``[B, latent, h, w]`` to ``[B, colours, h 2^n, w 2^n]``, where ``n`` is one less than the
    number of ``channels``. A doubling shuffles four times as many channels into space.

    Args:
        latent: Channels of a latent.
        channels: Widths, coarsest first.
        colours: Channels of an image.

    Raises:
        ValueError: There are too many levels.
    """

    def __init__(self, latent: int, channels: Sequence[int] = (64, 32, 16), colours: int = 1):
        super().__init__()
        check_depth("channels", len(channels))
        self.stem = RowwiseConv2d(latent, channels[0], 3, padding=1)
        self.middle = RowwiseConv2d(channels[0], channels[0], 3, padding=1)
        self.grow = nn.ModuleList(
            RowwiseConv2d(coarse, 4 * fine, 3, padding=1) for coarse, fine in pairwise(channels)
        )
        self.shuffle = nn.PixelShuffle(2)
        self.act = nn.SiLU()
        self.head = RowwiseConv2d(channels[-1], colours, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """Decode latents."""
        h = self.act(self.stem(latent))
        h = h + self.act(self.middle(h))
        for layer in self.grow:
            h = self.act(self.shuffle(layer(h)))
        out: Tensor = self.head(h)
        return out
