"""Two moons, a task of simulation-based inference with a posterior in closed form.

Lueckmann et al., Benchmarking Simulation-Based Inference (2021), T.8. Parameters ``theta`` are
uniform in the square from -1 to 1. The simulator draws a point of a half-ring, ``r ~ N(0.1,
0.01^2)`` and ``a ~ U(-pi/2, pi/2)``, and answers with ``x = (r cos a + 0.25, r sin a) + m(theta)``,
``m = (-|theta_1 + theta_2|, theta_2 - theta_1) / sqrt(2)``. The posterior has two crescents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

RADIUS, WIDTH, OFFSET = 0.1, 0.01, 0.25
ROOT = math.sqrt(2)
FINE = 4000
"""Points along each side of the grid on which the density is summed."""

REFERENCE = 100_000
"""Exact draws from which the region of highest density is found."""


def simulate(theta: Tensor, generator: torch.Generator) -> Tensor:
    """Observations ``[n, 2]`` of parameters ``[n, 2]``."""
    return _ring(len(theta), generator) + _moved(theta)


def prior(count: int, generator: torch.Generator) -> Tensor:
    """Parameters ``[n, 2]``."""
    return 2 * torch.rand(count, 2, generator=generator, dtype=torch.float64) - 1


def _ring(count: int, generator: torch.Generator) -> Tensor:
    radius = RADIUS + WIDTH * torch.randn(count, generator=generator, dtype=torch.float64)
    angle = math.pi * (torch.rand(count, generator=generator, dtype=torch.float64) - 0.5)
    return torch.stack([radius * angle.cos() + OFFSET, radius * angle.sin()], 1)


def _moved(theta: Tensor) -> Tensor:
    first, second = theta.unbind(-1)
    return torch.stack([-(first + second).abs(), second - first], -1) / ROOT


@dataclass(frozen=True)
class Posterior:
    """The posterior of one observation.

    Attributes:
        x: The observation, ``[2]``.
    """

    x: Tensor

    @cached_property
    def log_evidence(self) -> float:
        """The logarithm of what the unnormalised density sums to, on a fine grid."""
        axis = (torch.arange(FINE, dtype=torch.float64) + 0.5) * 2 / FINE - 1
        total = sum(
            float(self._unnormalised(torch.stack([row.expand(FINE), axis], 1)).exp().sum())
            for row in axis
        )
        return math.log(total * (2 / FINE) ** 2)

    def log_density(self, theta: Tensor) -> Tensor:
        """``log p(theta | x)`` in nats, ``[n]``; minus infinity outside of the support."""
        return self._unnormalised(theta.double()) - self.log_evidence

    def _unnormalised(self, theta: Tensor) -> Tensor:
        """``log p(x | theta)`` within the square: that of the point of the half-ring."""
        point = self.x - _moved(theta) - torch.tensor([OFFSET, 0.0], dtype=torch.float64)
        radius = point.square().sum(-1).sqrt().clamp(min=1e-12)
        normal = -0.5 * ((radius - RADIUS) / WIDTH).square() - math.log(WIDTH * math.tau**0.5)
        inside = (point[..., 0] > 0) & (theta.abs() <= 1).all(-1)
        return torch.where(inside, normal - radius.log() - math.log(math.pi), -math.inf)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Exact draws ``[count, 2]``: the point of the half-ring, then either parameter of it."""
        found: list[Tensor] = []
        while sum(map(len, found)) < count:
            left, up = (self.x - _ring(2 * count, generator)).unbind(1)
            side = torch.sign(torch.rand(len(left), generator=generator, dtype=torch.float64) - 0.5)
            sums, differences = -left * side * ROOT, up * ROOT
            theta = torch.stack([sums - differences, sums + differences], 1) / 2
            found.append(theta[(left <= 0) & (theta.abs() <= 1).all(1)])
        return torch.cat(found)[:count]

    @cached_property
    def least(self) -> float:
        """The log-density above which there are 99 % of the posterior."""
        drawn = self.draw(REFERENCE, torch.Generator().manual_seed(17))
        return float(self.log_density(drawn).quantile(0.01))


def posteriors(count: int, seed: int = 5) -> list[Posterior]:
    """Those of observations that were simulated from the prior."""
    generator = torch.Generator().manual_seed(seed)
    return [Posterior(x) for x in simulate(prior(count, generator), generator)]
