from __future__ import annotations

import pytest
import torch

from sureflow.moments import Moments
from sureflow.networks import UNet


def _unet(**arguments: object) -> UNet:
    small = {"shape": (2, 8, 12), "channels": (8, 16), "blocks": 1, "embedding": 16, "groups": 4}
    return UNet(**{**small, **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize("heads", [0, 3, 2.0, [2]])
def test_channels_must_divide_into_heads(heads) -> None:
    with pytest.raises(ValueError, match="heads: 8 channels"):
        UNet((1, 8, 8), channels=(8, 8), heads=heads)


@pytest.mark.parametrize("channels", [(8,), (8, 16), (8, 16, 16)])
def test_output_has_the_shape_of_a_sample(channels: tuple[int, ...]) -> None:
    network = _unet(shape=(2, 8, 16), channels=channels, noise=("middle", "head"))
    x, t = torch.randn(3, 2, 8, 16), torch.rand(3)
    out = network.moments(x, t)
    assert out.variance is not None
    assert out.mean.shape == out.variance.shape == x.shape


@pytest.mark.parametrize("shape", [(1, 8, 10), (1, 7, 8)])
def test_image_must_divide_into_patches_and_levels(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"shape: .* does not divide by 4"):
        _unet(shape=shape)


def test_every_level_offers_a_place_for_noise() -> None:
    network = _unet(channels=(8, 16), noise=("middle", "up_1", "up_0", "head"))
    assert [*network.noise] == ["middle", "up_1", "up_0", "head"]
    with pytest.raises(ValueError, match="up_2"):
        _unet(noise=("up_2",))


def test_a_fresh_block_is_the_identity() -> None:
    """The last convolution of a branch starts at zero, so noise passes a block unchanged."""
    network = _unet(noise=("middle",))
    block = network.up[0][0]
    h = Moments(torch.randn(2, 8, 4, 6), torch.rand(2, 8, 4, 6))
    out = block(h, torch.randn(2, 16))
    torch.testing.assert_close(out.mean, h.mean + block.conv2.bias[:, None, None])
    assert torch.equal(out.variance, h.variance)


def test_every_shape_that_it_serves_must_divide() -> None:
    network = _unet(shapes=[(2, 8, 12), (2, 12, 16)], noise=("middle", "head"))
    assert network.shapes == ((2, 8, 12), (2, 12, 16))
    x = torch.randn(3, 2, 12, 16)
    assert network.moments(x, torch.rand(3)).mean.shape == x.shape
    with pytest.raises(ValueError, match=r"^shape: 8x10 does not divide by 4"):
        _unet(shapes=[(2, 8, 12), (2, 8, 10)])
    with pytest.raises(ValueError, match=r"^shapes: expected at most"):
        _unet(shapes=[(2, 8, 12), (2, 8, 0)])
