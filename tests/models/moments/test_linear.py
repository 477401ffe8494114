"""Linear rules are exact: compare with the unrolled matrix, ``variance_out = M^2 variance``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sureflow.moments import Moments, propagate

Unrolled = Callable[[Callable[[Tensor], Tensor], tuple[int, ...]], Tensor]

LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(7, 5), (7,)),
    "linear on tokens": (nn.Linear(7, 5, bias=False), (3, 7)),
    "conv": (nn.Conv2d(3, 4, 3), (3, 6, 5)),
    "conv same": (nn.Conv2d(3, 4, 3, padding="same"), (3, 6, 5)),
    "conv stride": (nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 7, 8)),
    "conv dilated": (nn.Conv2d(2, 3, 3, dilation=2, padding=2), (2, 7, 6)),
    "conv grouped": (nn.Conv2d(4, 6, 3, groups=2, padding=1), (4, 5, 5)),
    "conv oblong": (nn.Conv2d(2, 3, (1, 3), padding=(0, 1)), (2, 4, 5)),
    "conv pointwise": (nn.Conv2d(5, 3, 1), (5, 4, 3)),
    "conv pointwise stride": (nn.Conv2d(5, 3, 1, stride=2), (5, 4, 3)),
    "conv pointwise padded": (nn.Conv2d(5, 3, 1, padding=1), (5, 4, 3)),
    "conv pointwise grouped": (nn.Conv2d(6, 4, 1, groups=2), (6, 4, 3)),
    "conv transposed": (nn.ConvTranspose2d(3, 2, 3, 2, 1, output_padding=1), (3, 4, 3)),
    "conv transposed grouped": (nn.ConvTranspose2d(4, 6, 3, groups=2, dilation=2), (4, 4, 3)),
    "average": (nn.AvgPool2d(2), (2, 6, 4)),
    "average oblong": (nn.AvgPool2d((2, 3), stride=1), (2, 6, 5)),
    "average padded": (nn.AvgPool2d(3, stride=2, padding=1), (2, 7, 5)),
    "average inside": (nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), (2, 7, 5)),
    "average ceil": (nn.AvgPool2d(2, stride=2, ceil_mode=True), (2, 5, 7)),
    "average divisor": (nn.AvgPool2d(2, divisor_override=3), (2, 4, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_variance_is_exact(name: str, unrolled: Unrolled) -> None:
    layer, shape = LAYERS[name]
    layer = layer.double()
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    variance = torch.rand(2, *shape, generator=generator, dtype=torch.float64)
    out = propagate(layer, Moments(mean, variance))
    assert out.variance is not None
    expected = variance.flatten(1) @ unrolled(layer, shape).square().T
    assert out.variance.shape == out.mean.shape
    torch.testing.assert_close(out.variance.flatten(1), expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(out.mean, layer(mean))


def test_pointwise_variance_of_a_row_ignores_the_batch() -> None:
    layer = nn.Conv2d(64, 32, 1)
    variance = torch.rand(33, 64, 7, 7, generator=torch.Generator().manual_seed(0))
    whole = propagate(layer, Moments(variance, variance)).variance
    assert whole is not None
    for count in (1, 3, 4, 16):
        part = propagate(layer, Moments(variance[:count], variance[:count])).variance
        assert part is not None
        assert torch.equal(part, whole[:count])


def test_half_precision_weights_give_a_float32_variance() -> None:
    layer = nn.Linear(8, 4).bfloat16()
    mean = torch.randn(3, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    variance = torch.rand(3, 8, generator=torch.Generator().manual_seed(1))
    out = propagate(layer, Moments(mean, variance))
    assert out.variance is not None
    assert out.variance.dtype == torch.float32
    torch.testing.assert_close(out.variance, variance @ layer.weight.float().square().T)


def test_padding_without_a_rule_is_refused() -> None:
    layer = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    h = torch.ones(1, 1, 4, 4)
    with pytest.raises(TypeError, match="circular"):
        propagate(layer, Moments(h, h))
