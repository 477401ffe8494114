"""Elementwise nonlinearities: the variance of ``f(h)`` for ``h ~ N(mean, variance)``."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments.rules import register
from sureflow.moments.square_root import square_root

# Gauss-Hermite rule with five nodes for the weight exp(-x^2/2): exact for polynomials up to
# degree nine. The nodes are the roots of the fifth Hermite polynomial.
_NODES = tuple(
    s * math.sqrt(5 + u * math.sqrt(10)) for s, u in ((-1, 1), (-1, -1), (0, 0), (1, -1), (1, 1))
)
_WEIGHTS = tuple((7 + u * 2 * math.sqrt(10)) / 60 if u else 8 / 15 for u in (-1, 1, 0, 1, -1))


def _gauss_hermite(
    function: Callable[[Tensor], Tensor], mean: Tensor, variance: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and variance of ``function(h)``; two passes, so that no cancellation goes negative."""
    # The clamp changes no value; it keeps the gradient of the root finite where variance is zero.
    deviation = square_root(variance.clamp_min(torch.finfo(variance.dtype).tiny))
    values = [function(mean + node * deviation) for node in _NODES]
    average = sum((w * v for w, v in zip(_WEIGHTS, values, strict=True)), torch.zeros_like(mean))
    spread = (w * (v - average).square() for w, v in zip(_WEIGHTS, values, strict=True))
    return average, sum(spread, torch.zeros_like(mean))


@register(nn.SiLU)
def _silu(layer: nn.SiLU, mean: Tensor, variance: Tensor) -> Tensor:
    return _gauss_hermite(F.silu, mean, variance)[1]


@register(nn.GELU)
def _gelu(layer: nn.GELU, mean: Tensor, variance: Tensor) -> Tensor:
    return _gauss_hermite(lambda h: F.gelu(h, approximate=layer.approximate), mean, variance)[1]


@register(nn.ReLU)
def _relu(layer: nn.ReLU, mean: Tensor, variance: Tensor) -> Tensor:
    """Exact variance of a rectified Gaussian; quadrature would miss the kink.

    Written for ``z = mean / deviation``, so that a small variance is not the difference of two
    large squares; beyond 30 deviations the kink is out of reach.
    """
    deviation = square_root(variance.clamp_min(torch.finfo(variance.dtype).tiny))
    z = (mean / deviation).clamp(-30, 30)
    above, below = 0.5 * torch.erfc(-z / math.sqrt(2)), 0.5 * torch.erfc(z / math.sqrt(2))
    density = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
    share = above + z.square() * above * below + z * density * (below - above) - density.square()
    return variance * share.clamp_min(0)


def expected_slope(function: Callable[[Tensor], Tensor], mean: Tensor, variance: Tensor) -> Tensor:
    """``E[f'(h)]`` for ``h ~ N(mean, variance)`` by Stein's identity ``Cov[h, f(h)] / variance``.

    Multiply by ``variance`` for the covariance that :func:`sureflow.moments.add` wants when an
    elementwise branch ``f(h)`` is added back onto ``h``.
    """
    # Below a deviation of 1e-3 the slope no longer changes, but its differences round to noise.
    deviation = square_root(variance.clamp_min(1e-6))
    slope = torch.zeros_like(mean)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        slope = slope + weight * node * function(mean + node * deviation)
    return slope / deviation
