"""Operations on several inputs: residual sums, concatenation, modulation, gates."""

from __future__ import annotations

import torch
from torch import Tensor

from sureflow.moments.moments import Moments
from sureflow.moments.rules import widened


def add(a: Moments, b: Moments, covariance: Tensor | None = None) -> Moments:
    """Sum of two activations, as in a residual connection.

    Args:
        a: First term.
        b: Second term.
        covariance: ``Cov[a, b]`` per entry where it is known; for a residual branch ``b = f(a)``
            it is ``variance * E[f'(a)]`` (Stein; see :func:`expected_slope`). Left out, the terms
            count as independent, which underestimates identity-like branches.
    """
    mean = a.mean + b.mean
    if a.variance is None or b.variance is None:
        return Moments(mean, b.variance if a.variance is None else a.variance)
    variance = a.variance + b.variance
    if covariance is not None:
        variance = (variance + 2 * covariance).clamp_min(0)
    return Moments(mean, variance)


def concatenate(parts: list[Moments], dim: int = 1) -> Moments:
    """Concatenation; exact per entry, covariance between the parts is not carried."""
    mean = torch.cat([part.mean for part in parts], dim)
    if all(part.variance is None for part in parts):
        return Moments(mean)
    variances = [
        torch.zeros_like(widened(part.mean)) if part.variance is None else part.variance
        for part in parts
    ]
    return Moments(mean, torch.cat(variances, dim))


def modulate(h: Moments, scale: Tensor, shift: Tensor) -> Moments:
    """FiLM / AdaLN ``(1 + scale) h + shift`` with deterministic scale and shift; exact."""
    mean = h.mean * (1 + scale) + shift
    if h.variance is None:
        return Moments(mean)
    return Moments(mean, h.variance * (1 + widened(scale)).square())


def gate(h: Moments, factor: Tensor) -> Moments:
    """Multiplication by a deterministic factor; exact."""
    mean = h.mean * factor
    if h.variance is None:
        return Moments(mean)
    return Moments(mean, h.variance * widened(factor).square())
