"""The linear probability path, and conversions along it.

Time runs from noise at ``t = 0`` to data at ``t = 1``: ``x_t = (1 - t) x0 + t x1`` with
``x0 ~ N(0, I)`` independent of the data ``x1``; the regression target is ``u = x1 - x0``.
"""

from __future__ import annotations

import torch
from torch import Tensor


def broadcast(t: Tensor, like: Tensor) -> Tensor:
    """Shape times ``[B]`` so that they multiply samples ``[B, *shape]``."""
    return t.reshape(-1, *(1 for _ in like.shape[1:]))


def interpolate(x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    """Point ``x_t`` on the straight line from noise ``x0`` to data ``x1``."""
    time = broadcast(t, x0)
    return (1 - time) * x0 + time * x1


def endpoint(x: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
    """Expected data ``E[x1 | x_t] = x_t + (1 - t) v``."""
    return x + (1 - broadcast(t, x)) * velocity


def origin(x: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
    """Expected noise ``E[x0 | x_t] = x_t - t v``."""
    return x - broadcast(t, x) * velocity


def score(x: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
    """Score ``grad log p_t(x) = (t v - x) / (1 - t)``, for ``t < 1``."""
    time = broadcast(t, x)
    return (time * velocity - x) / (1 - time)


def divergence_from_variance(total_variance: Tensor, t: Tensor, dimension: int) -> Tensor:
    """Divergence of the velocity from ``tr Cov[u | x_t]``, for ``t < 1``.

    The exact identity of the linear path, ``(1 - t) div v = t tr Cov[u | x_t] - d``.
    """
    return (t * total_variance - dimension) / (1 - t)


def variance_from_divergence(divergence: Tensor, t: Tensor, dimension: int) -> Tensor:
    """``tr Cov[u | x_t]`` from the divergence of the velocity, for ``t > 0``; the inverse."""
    return (dimension + (1 - t) * divergence) / t


def sample_times(count: int, kind: str, generator: torch.Generator) -> Tensor:
    """Draw training times ``[count]`` in (0, 1).

    Args:
        count: How many.
        kind: ``uniform``, or ``middle``: logit-normal for four draws in five, which spends the
            network's capacity where the velocity is hardest, and uniform for the rest, so that no
            time is neglected.
        generator: Source of randomness.

    Raises:
        ValueError: ``kind`` is neither.
    """
    uniform = torch.rand(count, generator=generator)
    if kind == "uniform":
        return uniform
    if kind == "middle":
        normal = torch.randn(count, generator=generator).sigmoid()
        chosen = torch.rand(count, generator=generator) < 0.8
        return torch.where(chosen, normal, uniform)
    raise ValueError(f"time: {kind!r} is unknown; choose uniform or middle")
