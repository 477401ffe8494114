import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sureflow.moments import Moments, RowwiseConv2d, RowwiseLinear, propagate


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7])
def test_few_rows_of_a_linear_layer_have_the_bits_of_many(rows: int) -> None:
    torch.manual_seed(0)
    layer, x = RowwiseLinear(256, 128), torch.randn(64, 256)
    with torch.inference_mode():
        many = layer(x)
        for start in (0, 3, 64 - rows):
            assert torch.equal(layer(x[start : start + rows]), many[start : start + rows])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_single_image_has_the_bits_of_many(rows: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = RowwiseConv2d(64, 64, 3, stride=stride, padding=1)
    h = Moments(torch.randn(16, 64, 14, 14), torch.rand(16, 64, 14, 14))
    with torch.inference_mode():
        many = propagate(layer, h)
        for start in range(8):
            part = slice(start, start + rows)
            few = propagate(layer, h.map(lambda z, part=part: z[part]))
            assert torch.equal(few.mean, many.mean[part])
            assert torch.equal(few.variance, many.variance[part])


@pytest.mark.parametrize("padding", [1, "same"])
def test_a_single_image_is_convolved_as_ever_and_can_be_trained_on(padding) -> None:
    torch.manual_seed(0)
    layer = RowwiseConv2d(3, 5, 3, padding=padding)
    plain = nn.Conv2d(3, 5, 3, padding=padding)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(1, 3, 6, 6)
    for convolution in (layer, plain):
        F.silu(convolution(x)).sum().backward()
    assert torch.allclose(layer(x), plain(x), atol=1e-6)
    assert torch.allclose(layer.weight.grad, plain.weight.grad, atol=1e-5)
    assert layer(x[:0]).shape == (0, 5, 6, 6)
