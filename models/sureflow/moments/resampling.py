"""Up- and down-sampling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments.rowwise import RowwiseConv2d
from sureflow.moments.rules import register, widened


class UpsampleConv2d(nn.Module):
    """Nearest-neighbour upsampling by two, then a 3x3 convolution.

    One layer for the variance: the four copies of a pixel are perfectly correlated, so taps that
    read the same source pixel are summed before they are squared. Exact for independent inputs.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = RowwiseConv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Upsample and convolve."""
        out: Tensor = self.conv(F.interpolate(h, scale_factor=2, mode="nearest"))
        return out


@register(nn.Upsample)
def _upsample(layer: nn.Upsample, mean: Tensor, variance: Tensor) -> Tensor:
    """Nearest modes copy variances; bilinear squares its weights, axis by axis."""
    if layer.mode in ("nearest", "nearest-exact"):
        return widened(layer(variance))
    if layer.mode != "bilinear":
        raise TypeError(f"no variance rule for Upsample with mode={layer.mode!r}")
    height, width = variance.shape[-2:]
    rows: Tensor = layer(_basis(height, variance)[:, None, :, None].expand(-1, 1, -1, width))
    columns: Tensor = layer(_basis(width, variance)[:, None, None].expand(-1, 1, height, -1))
    return rows[:, 0, :, 0].square().mT @ variance @ columns[:, 0, 0].square()


def _basis(size: int, like: Tensor) -> Tensor:
    return torch.eye(size, dtype=like.dtype, device=like.device)


@register(UpsampleConv2d)
def _upsample_conv(layer: UpsampleConv2d, mean: Tensor, variance: Tensor) -> Tensor:
    batch, _, height, width = variance.shape
    weight = widened(layer.conv.weight)
    out = variance.new_empty(batch, weight.shape[0], 2 * height, 2 * width)
    for row in (0, 1):
        for column in (0, 1):
            kernel = _phase(_phase(weight, row, 2), column, 3).square()
            padding = (1 - column, column, 1 - row, row)
            out[:, :, row::2, column::2] = F.conv2d(F.pad(variance, padding), kernel)
    return out


def _phase(weight: Tensor, offset: int, dim: int) -> Tensor:
    """Sum the three taps along ``dim`` into the two source pixels that an output phase reads.

    Output position ``2i + offset`` reads upsampled positions ``2i + offset - 1 .. + 1``, that is
    source pixels ``(i-1, i, i)`` for offset 0 and ``(i, i, i+1)`` for offset 1.
    """
    first, middle, last = weight.unbind(dim)
    taps = (first, middle + last) if offset == 0 else (first + middle, last)
    return torch.stack(taps, dim)
