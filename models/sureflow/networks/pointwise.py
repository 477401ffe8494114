"""A 1x1 convolution whose result for one image does not depend on the batch around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PointwiseConv2d(nn.Conv2d):
    """1x1 convolution as one matrix product per image.

    The library's 1x1 convolution flattens batch and pixels into one product and picks its blocking
    by the total, so an image's last bits change with the size of the batch. One product per image
    does not, at the same speed.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``[B, C, H, W]``."""
        assert self.bias is not None
        batch, _, height, width = input.shape
        weight = self.weight.flatten(1).expand(batch, -1, -1)
        bias = self.bias[None, :, None].expand(batch, -1, height * width)
        return torch.baddbmm(bias, weight, input.flatten(2)).reshape(batch, -1, height, width)
