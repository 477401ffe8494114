"""Nonlinearities against exact integrals and Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments import Moments, add, expected_slope, propagate

MonteCarlo = Callable[..., Tensor]

SMOOTH: dict[str, nn.Module] = {
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "gelu tanh": nn.GELU(approximate="tanh"),
}


def _inputs(deviation: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(64, generator=generator, dtype=torch.float64)
    scatter = 0.5 + torch.rand(64, generator=generator, dtype=torch.float64)
    return mean, (deviation * scatter).square()


def _variance(layer: nn.Module, mean: Tensor, variance: Tensor) -> Tensor:
    out = propagate(layer, Moments(mean, variance)).variance
    assert out is not None
    return out


def _quadrature(function: Callable[[Tensor], Tensor], mean: Tensor, variance: Tensor) -> Tensor:
    """Variance by a fine sum over the Gaussian, accurate far beyond the rules."""
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    weights = torch.softmax(-0.5 * z.square(), 0)
    values = function(mean[:, None] + variance.sqrt()[:, None] * z)
    average = values @ weights
    return (values - average[:, None]).square() @ weights


def _relu_exact(mean: Tensor, variance: Tensor) -> Tensor:
    return _quadrature(F.relu, mean, variance)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("deviation", "tolerance"), [(0.1, 1e-4), (0.5, 2e-3), (1.0, 2e-2)])
def test_smooth_activation(name: str, deviation: float, tolerance: float) -> None:
    """Five nodes are exact to degree nine; the error grows with the width of the input."""
    layer = SMOOTH[name]
    mean, variance = _inputs(deviation)
    predicted, exact = _variance(layer, mean, variance), _quadrature(layer, mean, variance)
    assert predicted.sum() / exact.sum() == pytest.approx(1, abs=tolerance)
    assert (predicted - exact).abs().max() / exact.mean() < 10 * tolerance


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_activation_against_draws(name: str, monte_carlo: MonteCarlo) -> None:
    layer = SMOOTH[name]
    mean, variance = _inputs(0.7)
    drawn = monte_carlo(layer, (mean, variance))
    assert _variance(layer, mean, variance).sum() / drawn.sum() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", SMOOTH)
def test_small_variance_is_the_squared_slope(name: str) -> None:
    layer = SMOOTH[name]
    mean, variance = _inputs(0.5)
    variance = variance * 1e-4
    point = mean.clone().requires_grad_()
    (slope,) = torch.autograd.grad(layer(point).sum(), point)
    expected = (slope.square() * variance).sum()
    assert _variance(layer, mean, variance).sum() / expected == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("deviation", [0.01, 0.3, 1.0, 5.0])
def test_relu_is_exact(deviation: float) -> None:
    mean, variance = _inputs(deviation)
    expected = _relu_exact(mean, variance)
    torch.testing.assert_close(
        _variance(nn.ReLU(), mean, variance), expected, rtol=1e-5, atol=1e-7 * deviation**2
    )


def test_relu_against_draws(monte_carlo: MonteCarlo) -> None:
    mean, variance = _inputs(0.7)
    drawn = monte_carlo(F.relu, (mean, variance))
    assert _variance(nn.ReLU(), mean, variance).sum() / drawn.sum() == pytest.approx(1, abs=0.005)


def test_relu_far_from_the_kink_keeps_a_small_variance_in_float32() -> None:
    """The textbook difference of second moment and squared mean would round to anything here."""
    mean = torch.tensor([100.0, 1.0, -1.0, -100.0, 3e5])
    variance = torch.tensor([1e-6, 1e-6, 1e-6, 1e-6, 1e-20])
    expected = torch.tensor([1e-6, 1e-6, 0.0, 0.0, 1e-20])
    torch.testing.assert_close(
        _variance(nn.ReLU(), mean, variance), expected, rtol=1e-5, atol=1e-25
    )


@pytest.mark.parametrize("layer", [*SMOOTH.values(), nn.ReLU()], ids=[*SMOOTH, "relu"])
def test_zero_variance_stays_zero_with_finite_gradients(layer: nn.Module) -> None:
    mean = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    variance = torch.zeros(3, requires_grad=True)
    out = _variance(layer, mean, variance)
    torch.testing.assert_close(out.detach(), torch.zeros(3), rtol=0, atol=1e-13)
    gradients = torch.autograd.grad(out.sum(), [mean, variance])
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("layer", [nn.SiLU(inplace=True), nn.ReLU(inplace=True)])
def test_layer_that_works_in_place(layer: nn.Module) -> None:
    mean, variance = _inputs(0.5)
    plain = nn.SiLU() if isinstance(layer, nn.SiLU) else nn.ReLU()
    out = propagate(layer, Moments(mean.clone(), variance))
    assert out.variance is not None
    assert torch.equal(out.mean, plain(mean))
    assert torch.equal(out.variance, _variance(plain, mean, variance))


@pytest.mark.parametrize("deviation", [1e-6, 0.01, 0.3, 0.8])
def test_expected_slope_is_steins(deviation: float) -> None:
    mean, variance = _inputs(deviation)
    z = torch.tensor(np.polynomial.hermite_e.hermegauss(60)[0])
    weights = torch.tensor(np.polynomial.hermite_e.hermegauss(60)[1])
    points = (mean[:, None] + variance.sqrt()[:, None] * z).requires_grad_()
    (slopes,) = torch.autograd.grad(F.silu(points).sum(), points)
    expected = slopes @ (weights / weights.sum())
    torch.testing.assert_close(
        expected_slope(F.silu, mean, variance), expected, rtol=0, atol=4e-3 * deviation**2 + 1e-6
    )


def test_expected_slope_survives_tiny_variance_in_float32() -> None:
    mean = torch.tensor([-2.0, 0.3, 5.0])
    slope = expected_slope(F.silu, mean, torch.tensor([0.0, 1e-30, 1e-12]))
    point = mean.clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.silu(point).sum(), point)
    torch.testing.assert_close(slope, expected, rtol=0, atol=2e-3)


def test_residual_with_steins_covariance(monte_carlo: MonteCarlo) -> None:
    """``h + f(h)``: the covariance is most of what independence would miss."""
    mean, variance = _inputs(0.5)
    drawn = monte_carlo(lambda h: h + F.silu(h), (mean, variance)).sum()
    h = Moments(mean, variance)
    branch = propagate(nn.SiLU(), h)
    naive = add(h, branch).variance
    stein = add(h, branch, variance * expected_slope(F.silu, mean, variance)).variance
    assert naive is not None
    assert stein is not None
    assert stein.sum() / drawn == pytest.approx(1, abs=0.005)
    assert naive.sum() / drawn < 0.8
