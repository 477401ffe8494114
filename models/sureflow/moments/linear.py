"""Linear maps: exact for independent inputs, since variances add with squared weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments.rowwise import conv2d
from sureflow.moments.rules import register, widened

FEW_OUTPUTS = 8
"""Output channels up to which a convolution is quicker tap by tap."""


@register(nn.Linear)
def _linear(layer: nn.Linear, mean: Tensor, variance: Tensor) -> Tensor:
    return F.linear(variance, widened(layer.weight).square())


@register(nn.Conv2d)
def _conv2d(layer: nn.Conv2d, mean: Tensor, variance: Tensor) -> Tensor:
    if layer.padding_mode != "zeros":
        raise TypeError(f"no variance rule for Conv2d with padding_mode={layer.padding_mode!r}")
    weight = widened(layer.weight).square()
    if _is_pointwise(layer):
        return _pointwise(weight, variance)
    if _has_few_outputs(layer):
        return _by_taps(weight, variance)
    return conv2d(layer, variance, weight, None)


@register(nn.ConvTranspose2d)
def _conv_transpose2d(layer: nn.ConvTranspose2d, mean: Tensor, variance: Tensor) -> Tensor:
    weight = widened(layer.weight).square()
    return F.conv_transpose2d(
        variance,
        weight,
        None,
        layer.stride,
        layer.padding,  # type: ignore[arg-type]
        layer.output_padding,
        layer.groups,
        layer.dilation,
    )


@register(nn.AvgPool2d)
def _avg_pool2d(layer: nn.AvgPool2d, mean: Tensor, variance: Tensor) -> Tensor:
    """Sum of variances over squared divisor; the divisor shrinks at the border in some modes."""
    ones = torch.ones_like(variance[:1, :1])
    taps = _sum_pool(layer, ones)
    divisor: Tensor = taps / layer(ones)
    return _sum_pool(layer, variance) / divisor.square()


def _sum_pool(layer: nn.AvgPool2d, h: Tensor) -> Tensor:
    return F.avg_pool2d(
        h, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, divisor_override=1
    )


def _is_pointwise(layer: nn.Conv2d) -> bool:
    plain = (layer.kernel_size, layer.stride, layer.groups) == ((1, 1), (1, 1), 1)
    return plain and layer.padding in ((0, 0), "valid", "same")


def _has_few_outputs(layer: nn.Conv2d) -> bool:
    """A 3x3 convolution onto the pixels of a patch, as in the head of a network for images."""
    geometry = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups
    plain = geometry == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
    return plain and layer.out_channels <= FEW_OUTPUTS


def _by_taps(weight: Tensor, variance: Tensor) -> Tensor:
    """A 3x3 convolution as one product per image for all taps, whose results are then shifted.

    Convolution kernels compute sixteen outputs at a time, however few are wanted.
    """
    taps = weight.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2)
    product = taps.expand(variance.shape[0], -1, -1) @ variance.flatten(2)
    return F.fold(product, variance.shape[2:], 3, padding=1)


def _pointwise(weight: Tensor, variance: Tensor) -> Tensor:
    """A 1x1 convolution as one product per image, so that a row's bits ignore the batch size."""
    product = weight.flatten(1).expand(variance.shape[0], -1, -1) @ variance.flatten(2)
    return product.reshape(variance.shape[0], -1, *variance.shape[2:])
