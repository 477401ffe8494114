"""Normalisations against Monte Carlo, and against the exact Jacobian where variance is small."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sureflow.moments import Moments, propagate

MonteCarlo = Callable[..., Tensor]

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "layer": (lambda: nn.LayerNorm(32), (32,)),
    "layer without affine": (lambda: nn.LayerNorm(32, elementwise_affine=False), (5, 32)),
    "layer over two dimensions": (lambda: nn.LayerNorm((4, 8)), (4, 8)),
    "group": (lambda: nn.GroupNorm(4, 16), (16, 3, 3)),
    "group without affine": (lambda: nn.GroupNorm(2, 8, affine=False), (8, 3, 3)),
    "group of vectors": (lambda: nn.GroupNorm(2, 64), (64,)),
    "rms": (lambda: nn.RMSNorm(32), (32,)),
    "rms without affine": (lambda: nn.RMSNorm(32, elementwise_affine=False), (32,)),
}


def _layer(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A layer with random weights, and a mean and variance for its input; all float64."""
    make, shape = LAYERS[name]
    layer = make().double()
    generator = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data += 0.3 * noise
    mean = 0.5 + torch.randn(shape, generator=generator, dtype=torch.float64)
    variance = 0.1 * torch.rand(shape, generator=generator, dtype=torch.float64)
    return layer, mean, variance


def _propagated(layer: nn.Module, mean: Tensor, variance: Tensor) -> Tensor:
    out = propagate(layer, Moments(mean[None], variance[None]))
    assert out.variance is not None
    assert torch.equal(out.mean, layer(mean[None]))
    return out.variance[0].detach()


@pytest.mark.parametrize("name", LAYERS)
def test_trace_and_entries_against_draws(name: str, monte_carlo: MonteCarlo) -> None:
    layer, mean, variance = _layer(name)
    drawn = monte_carlo(layer, (mean, variance), draws=100_000)
    predicted = _propagated(layer, mean, variance)
    assert predicted.sum() / drawn.sum() == pytest.approx(1, abs=0.03)
    assert torch.corrcoef(torch.stack([predicted.flatten(), drawn.flatten()]))[0, 1] > 0.99


@pytest.mark.parametrize("name", LAYERS)
def test_small_variance_is_first_order(name: str) -> None:
    """``sum_j J_ij^2 variance_j`` with the exact Jacobian: no truncation left to hide behind."""
    layer, mean, variance = _layer(name)
    variance = variance * 1e-4
    jacobian = torch.func.jacrev(lambda h: layer(h[None])[0])(mean).detach()
    flat = jacobian.reshape(mean.numel(), mean.numel())
    expected = (flat.square() @ variance.flatten()).reshape(mean.shape)
    predicted = _propagated(layer, mean, variance)
    assert predicted.sum() / expected.sum() == pytest.approx(1, abs=0.005)
    torch.testing.assert_close(predicted, expected, rtol=0.005, atol=1e-9)


@pytest.mark.parametrize("name", ["layer", "group", "rms"])
def test_statistics_are_part_of_the_variance(name: str, monte_carlo: MonteCarlo) -> None:
    """Frozen statistics would overestimate beyond the tolerance that the rule itself meets."""
    layer, mean, variance = _layer(name)
    variance = 4 * variance
    drawn = monte_carlo(layer, (mean, variance), draws=100_000).sum()
    point = mean.clone().requires_grad_()
    grouped = point.reshape(4, -1) if isinstance(layer, nn.GroupNorm) else point[None]
    centred = grouped if isinstance(layer, nn.RMSNorm) else grouped - grouped.mean(-1, True)
    scale = centred.square().mean(-1, keepdim=True).expand_as(grouped).reshape(mean.shape)
    weight = layer.weight.detach()
    frozen = variance / scale.detach() * weight.square().reshape(-1, *(1,) * (mean.dim() - 1))
    assert frozen.sum() / drawn > 1.1
    assert _propagated(layer, mean, variance).sum() / drawn == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", LAYERS)
def test_one_loud_entry_stays_finite_and_not_negative(name: str) -> None:
    layer, mean, _ = _layer(name)
    layer, mean = layer.float(), mean.float()
    variance = torch.zeros_like(mean)
    variance.view(-1)[0] = 1e6
    predicted = _propagated(layer, mean, variance)
    assert predicted.isfinite().all()
    assert (predicted >= 0).all()
