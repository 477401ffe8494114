"""Linear maps whose result for a row has the same bits for any number of rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEW = 4
"""From this many rows on, matrix products of the CPU sum in the same order for every row."""


class RowwiseLinear(nn.Linear):
    """Linear layer for ``[B, features]``, padded to four rows, since fewer use other kernels.

    For layers with one vector per row, whose cost is small compared with the rest of the network.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[B, in_features]`` to ``[B, out_features]``."""
        return linear(input, self.weight, self.bias)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` of ``[B, in_features]``, of at least four rows; see :class:`RowwiseLinear`."""
    rows = len(input)
    if rows >= FEW:
        return F.linear(input, weight, bias)
    return F.linear(F.pad(input, (0, 0, 0, FEW - rows)), weight, bias)[:rows]


class RowwiseConv2d(nn.Conv2d):
    """Zero-padded convolution that uses the same kernel for one image as for several."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``[B, C, H, W]``."""
        return conv2d(self, input, self.weight, self.bias)


class PointwiseConv2d(nn.Conv2d):
    """1x1 convolution as one matrix product per image, at the same speed.

    The library flattens batch and pixels into one product, whose blocking depends on the total.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``[B, C, H, W]``."""
        assert self.bias is not None
        out = pointwise(self.weight.flatten(1), self.bias, input.flatten(2))
        return out.reshape(len(input), -1, *input.shape[2:])


def pointwise(weight: Tensor, bias: Tensor, input: Tensor) -> Tensor:
    """Map the channels of ``[B, C, positions]``: one matrix product per row."""
    return torch.baddbmm(bias[:, None], weight.expand(len(input), -1, -1), input)


def conv2d(layer: nn.Conv2d, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.conv2d`` with the geometry of ``layer``, whose bits do not change for a single image.

    For one small image torch does not use oneDNN, which changes the order of the sums.
    """
    stride, padding, dilation, groups = layer.stride, layer.padding, layer.dilation, layer.groups
    if len(input) > 1 or not _leaves_onednn(input, weight) or isinstance(padding, str):
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return torch.mkldnn_convolution(input, weight, bias, padding, stride, dilation, groups)


def _leaves_onednn(input: Tensor, weight: Tensor) -> bool:
    """Whether torch would not use oneDNN: only in float32 on a CPU."""
    return (
        input.device.type == "cpu"
        and input.dtype == weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and not torch.is_autocast_enabled("cpu")
    )
