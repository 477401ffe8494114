"""The noise layer is exact for given alpha, and touches no mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sureflow.moments import Moments, MultiplicativeNoise, propagate
from sureflow.moments.noise import ALPHA_MAX, ALPHA_MIN

MonteCarlo = Callable[..., Tensor]

SHAPES = {"vector": (3, 6), "tokens": (3, 5, 6), "image": (3, 6, 4, 2)}


def _noise(scale: float = 1.0) -> MultiplicativeNoise:
    """A noise layer whose alpha varies with activation and embedding."""
    torch.manual_seed(0)
    noise = MultiplicativeNoise(6, 4)
    nn.init.normal_(noise.output.weight, std=scale)
    return noise.double()


def _inputs(kind: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(SHAPES[kind], generator=generator, dtype=torch.float64)
    return mean, torch.randn(3, 4, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("kind", SHAPES)
def test_certain_input(kind: str) -> None:
    noise, (mean, embedding) = _noise(), _inputs(kind)
    out = noise(Moments(mean), embedding)
    assert out.mean is mean
    alpha = noise.alpha(mean, embedding)
    assert alpha.shape == mean.shape
    torch.testing.assert_close(out.variance, alpha * mean.square(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", SHAPES)
def test_against_draws_of_epsilon(kind: str, monte_carlo: MonteCarlo) -> None:
    """``h (1 + sqrt(alpha) eps)`` with ``h`` itself Gaussian; 4 sigma of each entry's estimate."""
    noise, (mean, embedding) = _noise(0.3), _inputs(kind)
    variance = torch.rand(mean.shape, generator=torch.Generator().manual_seed(2)).double()
    alpha = noise.alpha(mean, embedding).detach()
    out = noise(Moments(mean, variance), embedding).variance.detach()
    drawn = monte_carlo(
        lambda h, eps: h * (1 + alpha.sqrt() * eps),
        (mean, variance),
        (torch.zeros_like(mean), torch.ones_like(mean)),
        draws=100_000,
    )
    assert out.sum() / drawn.sum() == pytest.approx(1, abs=0.01)
    # The product of two Gaussians has heavier tails; its kurtosis is at most nine.
    torch.testing.assert_close(out, drawn, rtol=4 * (8 / 100_000) ** 0.5, atol=1e-5)


def test_linear_layer_after_noise_is_exact(monte_carlo: MonteCarlo) -> None:
    noise, (mean, embedding) = _noise(), _inputs("vector")
    layer = nn.Linear(6, 4).double()
    out = propagate(layer, noise(Moments(mean), embedding))
    alpha = noise.alpha(mean, embedding).detach()
    assert out.variance is not None
    expected = (alpha * mean.square()) @ layer.weight.square().T
    torch.testing.assert_close(out.variance, expected, rtol=1e-10, atol=1e-12)
    eps = (torch.zeros_like(mean), torch.ones_like(mean))
    drawn = monte_carlo(lambda e: layer(mean * (1 + alpha.sqrt() * e)), eps, draws=100_000)
    torch.testing.assert_close(out.variance.detach(), drawn, rtol=4 * (2 / 100_000) ** 0.5, atol=0)


def test_image_is_tokens_with_channels_first() -> None:
    noise, (mean, embedding) = _noise(), _inputs("image")
    tokens = mean.flatten(2).mT
    expected = noise.alpha(tokens, embedding).mT.reshape(mean.shape)
    torch.testing.assert_close(noise.alpha(mean, embedding), expected, rtol=1e-12, atol=0)


def test_a_fresh_layer_is_a_constant_tenth() -> None:
    mean, embedding = _inputs("vector")
    alpha = MultiplicativeNoise(6, 4).double().alpha(mean, embedding)
    torch.testing.assert_close(alpha, torch.full_like(mean, 0.1), rtol=1e-6, atol=0)


def test_alpha_depends_on_activation_and_embedding() -> None:
    noise, (mean, embedding) = _noise(), _inputs("vector")
    alpha = noise.alpha(mean, embedding)
    assert not torch.allclose(noise.alpha(2 * mean, embedding), alpha)
    assert not torch.allclose(noise.alpha(mean, embedding + 1), alpha)


@pytest.mark.parametrize(("bias", "bound"), [(-100.0, ALPHA_MIN), (1000.0, ALPHA_MAX)])
def test_alpha_stays_in_bounds(bias: float, bound: float) -> None:
    noise, (mean, embedding) = _noise(), _inputs("vector")
    nn.init.constant_(noise.output.bias, bias)
    alpha = noise.alpha(mean, embedding)
    torch.testing.assert_close(alpha, torch.full_like(mean, bound), rtol=1e-12, atol=0)


def test_half_precision_activations_give_a_float32_variance() -> None:
    noise, (mean, embedding) = _noise().float(), _inputs("image")
    half = mean.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = noise(Moments(half), embedding.bfloat16())
    assert out.mean is half
    assert out.variance.dtype == torch.float32
    torch.testing.assert_close(
        out.variance,
        noise.alpha(half.float(), embedding.bfloat16().float()) * half.float().square(),
    )
