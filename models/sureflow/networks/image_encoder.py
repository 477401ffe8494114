"""A small encoder of images to latents, for models of our own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from sureflow.networks.network import check_depth


class ImageEncoder(nn.Module):
    """Convolutions, one that halves the edges for each of the ``channels``, and two that do not.

    Maps ``[B, colours, h 2^n, w 2^n]`` to ``[B, latent, h, w]`` for ``n`` channels. Over the data
    of its training a latent has mean 0 and variance 1 by channel.

    Args:
        latent: Channels of a latent.
        channels: Widths, finest first.
        colours: Channels of an image.

    Raises:
        ValueError: There are too many levels.
    """

    def __init__(self, latent: int, channels: Sequence[int] = (32, 64), colours: int = 1) -> None:
        super().__init__()
        check_depth("channels", len(channels))
        layers: list[nn.Module] = []
        for fine, coarse in pairwise((colours, *channels)):
            layers += [nn.Conv2d(fine, coarse, 3, stride=2, padding=1), nn.SiLU()]
        layers += [nn.Conv2d(channels[-1], channels[-1], 3, padding=1), nn.SiLU()]
        layers += [nn.Conv2d(channels[-1], latent, 3, padding=1)]
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(latent, affine=False))

    def forward(self, images: Tensor) -> Tensor:
        """Encode images."""
        out: Tensor = self.layers(images)
        return out
