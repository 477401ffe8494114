from __future__ import annotations

import pytest
import torch

from sureflow.moments import Moments
from sureflow.networks import DiT
from sureflow.networks.dit import TransformerBlock


def _dit(**arguments: object) -> DiT:
    small = {"shape": (2, 8, 12), "width": 16, "blocks": 1, "embedding": 16, "patch": 4}
    return DiT(**{**small, **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_output_has_the_shape_of_a_sample(patch: int) -> None:
    network = _dit(patch=patch, noise=("block_0", "head"))
    x, t = torch.randn(3, 2, 8, 12), torch.rand(3)
    out = network.moments(x, t)
    assert out.variance is not None
    assert out.mean.shape == out.variance.shape == x.shape


def test_patches_come_back_to_their_place() -> None:
    """With no blocks and linear maps that copy, an image passes through unchanged."""
    network = _dit(width=32, blocks=0, patch=4)
    patches = network.patchify(torch.arange(192.0).reshape(1, 2, 8, 12))
    assert patches.shape == (1, 32, 6)
    assert torch.equal(network.unpatchify(patches), torch.arange(192.0).reshape(1, 2, 8, 12))
    # A token is the square of pixels it stands for.
    square = torch.arange(192.0).reshape(1, 2, 8, 12)[0, :, 4:8, 8:12]
    assert torch.equal(patches[0, :, 5].sort().values, square.flatten().sort().values)


def test_a_fresh_block_is_the_identity() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(16, 8, heads=2, expansion=2)
    h = Moments(torch.randn(2, 6, 16), torch.rand(2, 6, 16))
    out = block(h, torch.randn(2, 8))
    assert torch.equal(out.mean, h.mean)
    assert torch.equal(out.variance, h.variance)


def test_positions_tell_tokens_apart() -> None:
    """Without positions a transformer maps swapped patches to swapped outputs."""
    torch.manual_seed(0)
    network = _dit(shape=(1, 8, 8), patch=4)
    x, t = torch.randn(1, 1, 8, 8), torch.rand(1)
    swapped = x.roll(4, dims=3)
    assert not torch.allclose(network(swapped, t), network(x, t).roll(4, dims=3), atol=1e-4)
    network.position.data.zero_()
    torch.testing.assert_close(network(swapped, t), network(x, t).roll(4, dims=3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (1, 8, 10)}, "shape: 8x10 does not divide by patch 4"),
        ({"width": 18, "heads": 4}, "width: 18 does not divide by 4 heads"),
    ],
)
def test_sizes_that_do_not_divide(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _dit(**arguments)
