"""Mean-field attention against Monte Carlo and against its exact first order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sureflow.moments import Moments, attention

MonteCarlo = Callable[..., Tensor]

SHAPE = (2, 6, 4)


def _parts(scale: float, dtype: torch.dtype = torch.float64) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(SHAPE, generator=generator, dtype=dtype),
            scale * (0.5 + torch.rand(SHAPE, generator=generator, dtype=dtype)),
        )
        for _ in range(3)
    ]


def _predicted(parts: list[tuple[Tensor, Tensor]], noisy: str = "qkv") -> Tensor:
    moments = [
        Moments(mean[None], variance[None] if name in noisy else None)
        for name, (mean, variance) in zip("qkv", parts, strict=True)
    ]
    out = attention(*moments)
    expected = F.scaled_dot_product_attention(*(mean[None] for mean, _ in parts))
    assert torch.equal(out.mean, expected)
    assert out.variance is not None
    return out.variance[0]


@pytest.mark.parametrize(("scale", "tolerance"), [(0.001, 0.01), (0.05, 0.03), (0.2, 0.1)])
def test_trace_against_draws(scale: float, tolerance: float, monte_carlo: MonteCarlo) -> None:
    parts = _parts(scale)
    drawn = monte_carlo(F.scaled_dot_product_attention, *parts, draws=60_000)
    predicted = _predicted(parts)
    assert predicted.sum() / drawn.sum() == pytest.approx(1, abs=tolerance)
    assert torch.corrcoef(torch.stack([predicted.flatten(), drawn.flatten()]))[0, 1] > 0.98


@pytest.mark.parametrize("noisy", ["q", "k", "v", "qk", "kv", "qkv"])
def test_first_order_is_exact(noisy: str) -> None:
    """For each input, ``sum (d out / d input)^2 variance`` with the exact Jacobian."""
    parts = _parts(1e-4)
    means = tuple(mean for mean, _ in parts)
    jacobians = torch.func.jacrev(F.scaled_dot_product_attention, argnums=(0, 1, 2))(*means)
    size = torch.Size(SHAPE).numel()
    expected = torch.zeros(size, dtype=torch.float64)
    for name, jacobian, (_, variance) in zip("qkv", jacobians, parts, strict=True):
        if name in noisy:
            expected += jacobian.reshape(size, size).square() @ variance.flatten()
    torch.testing.assert_close(_predicted(parts, noisy).flatten(), expected, rtol=1e-10, atol=1e-14)


def test_value_noise_alone_is_exact(monte_carlo: MonteCarlo) -> None:
    """Linear in the values, so exact however large their variance is."""
    parts = _parts(3.0)
    query, key = parts[0][0], parts[1][0]
    weights = torch.softmax(query @ key.mT / SHAPE[-1] ** 0.5, -1)
    torch.testing.assert_close(
        _predicted(parts, "v"), weights.square() @ parts[2][1], rtol=1e-10, atol=1e-12
    )
    drawn = monte_carlo(
        lambda v: F.scaled_dot_product_attention(query.expand_as(v), key.expand_as(v), v),
        parts[2],
        draws=40_000,
    )
    assert _predicted(parts, "v").sum() / drawn.sum() == pytest.approx(1, abs=0.01)


def test_a_common_offset_of_the_values_costs_no_digits() -> None:
    parts = _parts(0.01, torch.float32)
    moved = [*parts[:2], (parts[2][0] + 1000, parts[2][1])]
    torch.testing.assert_close(_predicted(moved, "qk"), _predicted(parts, "qk"), rtol=1e-2, atol=0)


def test_without_noise_no_variance_is_carried() -> None:
    query, key, value = (Moments(mean[None]) for mean, _ in _parts(1.0))
    assert attention(query, key, value).variance is None


def test_broad_query_key_and_value_widths() -> None:
    """Values may be wider than queries and fewer than keys' tokens is fine."""
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(1, 2, 3, 4, generator=generator)
    key = torch.randn(1, 2, 5, 4, generator=generator)
    value = torch.randn(1, 2, 5, 7, generator=generator)
    noisy = [Moments(h, 0.01 * torch.ones_like(h)) for h in (query, key, value)]
    out = attention(*noisy)
    assert out.variance is not None
    assert out.variance.shape == out.mean.shape == (1, 2, 3, 7)
