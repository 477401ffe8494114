"""Up- and down-sampling are linear, hence exact against the unrolled matrix."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments import Moments, UpsampleConv2d, propagate

Unrolled = Callable[[Callable[[Tensor], Tensor], tuple[int, ...]], Tensor]

LAYERS: dict[str, nn.Module] = {
    "fused": UpsampleConv2d(4, 3),
    "nearest": nn.Upsample(scale_factor=2),
    "nearest to a size": nn.Upsample(size=(7, 4), mode="nearest"),
    "nearest-exact": nn.Upsample(scale_factor=3, mode="nearest-exact"),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear aligned": nn.Upsample(size=(9, 5), mode="bilinear", align_corners=True),
    "shuffle": nn.PixelShuffle(2),
    "unshuffle": nn.PixelUnshuffle(2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_variance_is_exact(name: str, unrolled: Unrolled) -> None:
    layer, shape = LAYERS[name].double(), (4, 4, 6)
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    variance = torch.rand(2, *shape, generator=generator, dtype=torch.float64)
    out = propagate(layer, Moments(mean, variance))
    assert out.variance is not None
    expected = variance.flatten(1) @ unrolled(layer, shape).square().T
    assert out.variance.shape == out.mean.shape
    torch.testing.assert_close(out.variance.flatten(1), expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(out.mean, layer(mean))


def test_fused_layer_is_upsampling_followed_by_its_convolution() -> None:
    layer = UpsampleConv2d(3, 2)
    h = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(h), layer.conv(F.interpolate(h, scale_factor=2)))


def test_fusing_matters_for_a_smoothing_kernel() -> None:
    """Four perfectly correlated copies averaged: the naive rule would lose most of the variance."""
    layer = UpsampleConv2d(1, 1)
    nn.init.constant_(layer.conv.weight, 1 / 9)
    h = torch.ones(1, 1, 6, 6)
    fused = propagate(layer, Moments(h, h)).variance
    naive = propagate(layer.conv, propagate(nn.Upsample(scale_factor=2), Moments(h, h))).variance
    assert fused is not None
    assert naive is not None
    assert fused[0, 0, 5, 5] > 2 * naive[0, 0, 5, 5]


def test_mode_without_a_rule_is_refused() -> None:
    h = torch.ones(1, 1, 4, 4)
    with pytest.raises(TypeError, match="bicubic"):
        propagate(nn.Upsample(scale_factor=2, mode="bicubic"), Moments(h, h))
