"""Sums, concatenation, modulation and gates are exact for independent inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sureflow.moments import Moments, add, concatenate, gate, modulate

MonteCarlo = Callable[..., Tensor]


def _pair(seed: int, shape: tuple[int, ...] = (2, 6)) -> Moments:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(shape, generator=generator, dtype=torch.float64)
    return Moments(mean, torch.rand(shape, generator=generator, dtype=torch.float64))


def _variance(h: Moments) -> Tensor:
    assert h.variance is not None
    return h.variance


def test_sum_of_independent_terms() -> None:
    a, b = _pair(0), _pair(1)
    out = add(a, b)
    assert torch.equal(out.mean, a.mean + b.mean)
    assert torch.equal(_variance(out), _variance(a) + _variance(b))


def test_sum_of_correlated_terms(monte_carlo: MonteCarlo) -> None:
    """``h + W h`` for a diagonal ``W``: the covariance is ``W variance``."""
    h, slope = _pair(0), torch.tensor([0.5, -1.0, 2.0, -0.3, 0.0, 1.0], dtype=torch.float64)
    branch = Moments(slope * h.mean, slope.square() * _variance(h))
    out = add(h, branch, covariance=slope * _variance(h))
    expected = (1 + slope).square() * _variance(h)
    torch.testing.assert_close(_variance(out), expected, rtol=1e-10, atol=1e-12)
    drawn = monte_carlo(lambda x: x + slope * x, (h.mean, _variance(h)), draws=50_000)
    torch.testing.assert_close(_variance(out), drawn, rtol=0.04, atol=1e-12)


def test_covariance_cannot_make_variance_negative() -> None:
    h = _pair(0)
    out = add(h, h, covariance=-2 * _variance(h))
    assert torch.equal(_variance(out), torch.zeros_like(h.mean))


@pytest.mark.parametrize("noisy_first", [True, False])
def test_sum_with_a_certain_term(noisy_first: bool) -> None:
    noisy, certain = _pair(0), Moments(_pair(1).mean)
    out = add(noisy, certain) if noisy_first else add(certain, noisy)
    assert torch.equal(_variance(out), _variance(noisy))


@pytest.mark.parametrize("dim", [1, -1])
def test_concatenation(dim: int) -> None:
    a, b = _pair(0, (2, 3, 4)), _pair(1, (2, 3, 4))
    certain = Moments(_pair(2, (2, 3, 4)).mean)
    out = concatenate([a, certain, b], dim)
    zero = torch.zeros_like(certain.mean)
    assert torch.equal(out.mean, torch.cat([a.mean, certain.mean, b.mean], dim))
    assert torch.equal(_variance(out), torch.cat([_variance(a), zero, _variance(b)], dim))


def test_modulation_and_gate(monte_carlo: MonteCarlo) -> None:
    h = _pair(0)
    scale, shift = _pair(1).mean, _pair(2).mean
    film = modulate(h, scale, shift)
    assert torch.equal(film.mean, h.mean * (1 + scale) + shift)
    torch.testing.assert_close(
        _variance(film), (1 + scale).square() * _variance(h), rtol=1e-10, atol=1e-12
    )
    gated = gate(h, scale)
    assert torch.equal(gated.mean, h.mean * scale)
    torch.testing.assert_close(
        _variance(gated), scale.square() * _variance(h), rtol=1e-10, atol=1e-12
    )
    pair = (h.mean, _variance(h))
    drawn = monte_carlo(lambda x: x * (1 + scale) + shift, pair, draws=50_000)
    torch.testing.assert_close(_variance(film), drawn, rtol=0.04, atol=1e-12)


def test_without_noise_no_variance_is_carried() -> None:
    h = Moments(_pair(0).mean)
    factor = torch.ones_like(h.mean)
    for out in (add(h, h), concatenate([h, h]), modulate(h, factor, factor), gate(h, factor)):
        assert out.variance is None


def test_half_precision_factors_square_in_float32() -> None:
    h = Moments(torch.ones(1, 4).bfloat16(), torch.ones(1, 4))
    factor = torch.tensor([[1.0, 0.3, -0.7, 2.0]]).bfloat16()
    assert torch.equal(_variance(gate(h, factor)), factor.float().square())
    assert torch.equal(_variance(modulate(h, factor, factor)), (1 + factor.float()).square())
