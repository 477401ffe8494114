"""The registry, and what :func:`propagate` promises for every layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sureflow.moments import Moments, UpsampleConv2d, propagate, register
from sureflow.moments.rules import rule_of, widened

MonteCarlo = Callable[..., Tensor]

IMAGE, VECTOR = (4, 8, 6, 6), (5, 8)
LAYERS: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Linear(8, 3), VECTOR),
    (nn.Conv2d(8, 3, 3, padding=1), IMAGE),
    (nn.Conv2d(8, 3, 1), IMAGE),
    (nn.ConvTranspose2d(8, 3, 2, stride=2), IMAGE),
    (UpsampleConv2d(8, 3), IMAGE),
    (nn.AvgPool2d(2), IMAGE),
    (nn.Upsample(scale_factor=2), IMAGE),
    (nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE),
    (nn.GroupNorm(2, 8), IMAGE),
    (nn.LayerNorm(8), VECTOR),
    (nn.RMSNorm(8), VECTOR),
    (nn.SiLU(), IMAGE),
    (nn.GELU(), VECTOR),
    (nn.ReLU(), VECTOR),
    (nn.PixelShuffle(2), IMAGE),
    (nn.PixelUnshuffle(2), IMAGE),
    (nn.Flatten(), IMAGE),
    (nn.Unflatten(1, (2, 4)), VECTOR),
    (nn.Identity(), VECTOR),
    (nn.Dropout(0.5).eval(), VECTOR),
    (nn.Sequential(nn.Linear(8, 4), nn.SiLU(), nn.Linear(4, 2)), VECTOR),
]


def _activations(shape: tuple[int, ...], seed: int = 0) -> Moments:
    generator = torch.Generator().manual_seed(seed)
    return Moments(torch.randn(shape, generator=generator), torch.rand(shape, generator=generator))


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda part: str(part)[:40])
def test_mean_is_bitwise_the_plain_layer(layer: nn.Module, shape: tuple[int, ...]) -> None:
    h = _activations(shape)
    plain = layer(h.mean)
    certain, noisy = propagate(layer, Moments(h.mean)), propagate(layer, h)
    assert certain.variance is None
    assert torch.equal(certain.mean, plain)
    assert torch.equal(noisy.mean, plain)
    assert noisy.variance is not None
    assert noisy.variance.shape == plain.shape
    assert (noisy.variance >= 0).all()


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda part: str(part)[:40])
def test_autocast_keeps_the_mean_and_widens_the_variance(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    h = _activations(shape)
    with torch.autocast("cpu", torch.bfloat16):
        plain = layer(h.mean)
        out = propagate(layer, h)
    assert torch.equal(out.mean, plain)
    assert out.variance is not None
    assert out.variance.dtype == torch.float32
    full = propagate(layer, h).variance
    torch.testing.assert_close(out.variance, full, rtol=0.1, atol=0.02)


def test_rearrangement_moves_variance_with_its_entry() -> None:
    h = _activations(IMAGE)
    twin = Moments(h.mean, h.mean.abs())
    for layer in (nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.Flatten()):
        out = propagate(layer, twin)
        assert out.variance is not None
        assert torch.equal(out.variance, out.mean.abs())
    mapped = twin.map(lambda z: z.permute(0, 2, 3, 1))
    assert mapped.variance is not None
    assert torch.equal(mapped.variance, mapped.mean.abs())


def test_sequence_against_draws(monte_carlo: MonteCarlo) -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Sequential(nn.Linear(32, 4))).double()
    h = _activations((1, 8))
    mean, variance = h.mean.double(), 0.05 * widened(h.variance).double()
    drawn = monte_carlo(layer, (mean[0], variance[0]), draws=50_000)
    out = propagate(layer, Moments(mean, variance)).variance
    assert out is not None
    out = out.detach()
    # Hidden units share their inputs, which the rules neglect: the trace may be off by a third.
    assert out.sum() / drawn.sum() == pytest.approx(1, abs=0.35)


def test_layer_without_a_rule_is_named() -> None:
    h = _activations(VECTOR)
    layer = nn.Softmax(-1)
    assert torch.equal(propagate(layer, Moments(h.mean)).mean, layer(h.mean))
    with pytest.raises(TypeError, match="Softmax"):
        propagate(layer, h)


def test_a_rule_of_ones_own() -> None:
    class Double(nn.Module):
        def forward(self, h: Tensor) -> Tensor:
            return 2 * h

    class Twice(Double):
        """Inherits the rule with the class."""

    @register(Double)
    def _double(layer: Double, mean: Tensor, variance: Tensor) -> Tensor:
        return 4 * variance

    h = _activations(VECTOR)
    assert rule_of(Twice()) is _double
    out = propagate(Twice(), h)
    assert out.variance is not None
    assert h.variance is not None
    assert torch.equal(out.variance, 4 * h.variance)
