"""Scores as functions of a path; all ``[n]``, and larger is less sure."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.truth.path import Path, arrive, velocity
from sureflow.core.path import LINEAR
from sureflow.families.flow.scores.likelihood import LAST, divergence_rate, log_noise
from sureflow.networks import VelocityNetwork


def plain(path: Path, after: float = 0.0) -> Tensor:
    """``int tr Sigma dt`` from ``after`` on."""
    return path.integral(path.trace, after)


def standardised(path: Path, after: float = 0.0) -> Tensor:
    """The same with the traces of every moment shifted and scaled to mean 0 and deviation 1."""
    trace = path.trace
    # at t = 0 the exact trace is the same for all
    deviation = trace.std(1, keepdim=True).clamp(min=1e-12)
    return path.integral((trace - trace.mean(1, keepdim=True)) / deviation, after)


def surprise(path: Path, trace: Tensor | None = None, last: float = LAST) -> Tensor:
    """Negative log-likelihood from the variance along the path, or from another ``trace``."""
    trace = path.trace if trace is None else trace
    rate = divergence_rate(path.t[:, None].numpy(), trace.numpy(), path.dimension, last)
    return path.integral(torch.from_numpy(rate)) - noise(path)


def flow_surprise(path: Path, divergence: Tensor) -> Tensor:
    """Negative log-likelihood of the learned flow by its own divergence ``[points, count]``."""
    return path.integral(divergence) - noise(path)[: divergence.shape[1]]


def noise(path: Path) -> Tensor:
    """Log-density of the noise that the path began with; this one is larger for more likely."""
    square = path.start.double().flatten(1).square().sum(1)
    return torch.from_numpy(log_noise(square.numpy(), path.dimension))


def trajectory(path: Path, after: float) -> Tensor:
    """Variance of the predicted end point over the steps from ``after`` on.

    The hallucination filter of Aithal et al. 2024 (arXiv 2406.09358), for flows.
    """
    chosen = path.first & (path.t >= after - 1e-9)
    ends = [
        LINEAR.ends(x.double(), t.expand(len(x)), v.double())[1]
        for x, t, v in zip(path.x[chosen], path.t[chosen], path.v[chosen], strict=True)
    ]
    return torch.stack(ends).flatten(2).var(0).sum(-1)


def straightness(path: Path, after: float = 0.0) -> Tensor:
    """``int ||u - v||^2 dt`` for the sample's own displacement ``u = x1 - x0``."""
    return path.integral(_residual(path).flatten(2).sum(-1), after)


def path_residual(path: Path, after: float = 0.0) -> Tensor:
    """Squared difference of ``u`` and velocity in units of the variance, mean over components."""
    scaled = _residual(path) / path.variance.double()
    return path.integral(scaled.flatten(2).mean(-1), after)


def ensemble_spread(members: Sequence[VelocityNetwork], path: Path) -> Tensor:
    """Variance between the members' velocities along the path, to be integrated, ``[points, n]``.

    The network that made the path is a member too.
    """
    spread = []
    for x, t, v in zip(path.x, path.t, path.v, strict=True):
        others = [velocity(member, x, float(t)) for member in members]
        spread.append(torch.stack([v, *others]).double().flatten(2).var(0).sum(-1))
    return torch.stack(spread)


def ensemble_end(members: Sequence[VelocityNetwork], path: Path) -> Tensor:
    """Variance between the samples that the members make of the same noise, Heun 20."""
    ends = [arrive(member, path.start) for member in members]
    return torch.stack([path.end, *ends]).double().flatten(2).var(0).sum(-1)


def _residual(path: Path) -> Tensor:
    return ((path.end - path.start).double() - path.v.double()).square()
