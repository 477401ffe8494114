"""Affine paths with a continuous clock."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from sureflow.networks.foreign.path import AffinePath, Rates, UnitVariancePath

DEEPEST = 13.8
"""Largest ``-log alpha``, at which a millionth of the data is left."""

Positive = Annotated[float, Field(gt=0, le=1e6)]


class LinearPath(AffinePath):
    """``X = t x1 + (1 - t) x0``: rectified flow, conditional optimal transport, SD3, FLUX.

    Attributes:
        shift: Moves the model's own schedule toward the noise, as SD3 and FLUX do for large images:
            a step at the share ``n`` is made at ``shift n / (1 + (shift - 1) n)`` instead.
        steps: With the spacing ``linspace``: the last evaluation is at the share ``1 / steps``.
    """

    kind: Literal["linear"] = "linear"
    shift: Positive = 1.0
    steps: Annotated[int, Field(ge=2, le=1_000_000)] = 1000

    @property
    def first(self) -> float:
        """Pure noise."""
        return 1.0

    @property
    def last(self) -> float:
        """Pure data."""
        return 0.0

    def scale(self, share: Tensor) -> Tensor:
        """1 everywhere."""
        return torch.ones_like(share)

    def clock(self, share: Tensor) -> Tensor:
        """The share of data."""
        return 1 - share

    def share(self, t: Tensor) -> Tensor:
        """The share of noise."""
        return 1 - t

    def rates(self, share: Tensor) -> Rates:
        """``x1 - x0`` everywhere."""
        return torch.ones_like(share), -torch.ones_like(share)

    def schedule(self, steps: int) -> Tensor:
        """Equal steps, moved toward the noise by the shift."""
        if self.spacing == "trailing":
            shares = 1 - torch.arange(steps, dtype=torch.float64) / steps
        else:
            shares = torch.linspace(1, self._shifted(torch.tensor(1 / self.steps)), steps).double()
        return torch.as_tensor(self._shifted(shares))

    def _shifted(self, share: Tensor) -> Tensor:
        return self.shift * share / (1 + (self.shift - 1) * share)


class CosinePath(UnitVariancePath):
    """``X = cos(a) x1 + sin(a) x0``, with ``a = (1 - t + offset) / (1 + offset) pi / 2``.

    Nichol and Dhariwal (Improved DDPM, 2021) use the offset 0.008.
    """

    kind: Literal["cosine"] = "cosine"
    offset: Annotated[float, Field(ge=0, le=1)] = 0.0

    @property
    def first(self) -> float:
        """Pure noise."""
        return 1.0

    @property
    def last(self) -> float:
        """The share at ``t = 1``, which the offset keeps above 0."""
        return float(self.share(torch.ones((), dtype=torch.float64)))

    def clock(self, share: Tensor) -> Tensor:
        """The share of the right angle that is left."""
        angle = torch.atan2(share, 1 - share)
        return 1 + self.offset - angle * (1 + self.offset) * 2 / math.pi

    def share(self, t: Tensor) -> Tensor:
        """From the angle."""
        angle = (1 - t + self.offset) / (1 + self.offset) * math.pi / 2
        sigma = angle.sin()
        return sigma / (sigma + angle.cos().clamp(min=0))

    def rates(self, share: Tensor) -> Rates:
        """Those of the angle, which falls evenly."""
        size, rate = self.scale(share), math.pi / 2 / (1 + self.offset)
        return rate * share * size, -rate * (1 - share) * size


class PreservingPath(UnitVariancePath):
    """The variance-preserving diffusion with ``beta(tau)`` linear in ``tau = 1 - t``.

    ``log alpha = -tau^2 (beta_max - beta_min) / 4 - tau beta_min / 2`` and ``sigma^2 = 1 -
    alpha^2`` (Song et al., Score-Based Generative Modeling through SDEs, 2021, equation 32).

    Attributes:
        beta_min: ``beta`` at the data.
        beta_max: ``beta`` at the noise.
        end: The smallest ``tau`` in training.
    """

    kind: Literal["vp"] = "vp"
    beta_min: Positive = 0.1
    beta_max: Positive = 20.0
    end: Annotated[float, Field(gt=0, lt=1)] = 1e-3

    @model_validator(mode="after")
    def _rises(self) -> PreservingPath:
        if self.beta_max <= self.beta_min:
            raise ValueError("beta_max should be above beta_min")
        if (self.beta_min + self.beta_max) / 4 > DEEPEST:
            raise ValueError(f"beta_min and beta_max should be at most {4 * DEEPEST:g} together")
        return self

    @property
    def first(self) -> float:
        """The share at ``tau = 1``."""
        return float(self.share(torch.zeros((), dtype=torch.float64)))

    @property
    def last(self) -> float:
        """The share at the smallest ``tau``."""
        return float(self.share(torch.tensor(1 - self.end, dtype=torch.float64)))

    def clock(self, share: Tensor) -> Tensor:
        """``1 - tau``, where ``tau`` solves a quadratic equation."""
        depth = 0.5 * torch.log1p((share / (1 - share)).square())  # -log alpha
        slope = (self.beta_max - self.beta_min) / 4
        half = self.beta_min / 4
        return 1 - depth / (half + torch.sqrt(half**2 + slope * depth))

    def share(self, t: Tensor) -> Tensor:
        """From ``alpha`` and ``sigma``."""
        tau = 1 - t
        depth = tau.square() * (self.beta_max - self.beta_min) / 4 + tau * self.beta_min / 2
        alpha, sigma = torch.exp(-depth), torch.sqrt(-torch.expm1(-2 * depth))
        return sigma / (alpha + sigma)

    def rates(self, share: Tensor) -> Rates:
        """By the chain rule."""
        size = self.scale(share)
        alpha, sigma = (1 - share) * size, share * size
        tau = 1 - self.clock(share)
        rise = alpha * (tau * (self.beta_max - self.beta_min) + self.beta_min) / 2
        return rise, -alpha * rise / sigma


class ExplodingPath(AffinePath):
    """``X = x1 + sigma x0``, with ``sigma`` from ``sigma_max`` to ``sigma_min``.

    The schedule is that of Karras et al. (Elucidating the Design Space of Diffusion-Based
    Generative Models, 2022, equation 5).
    """

    kind: Literal["ve"] = "ve"
    sigma_min: Positive = 0.002
    sigma_max: Positive = 80.0
    rho: Annotated[float, Field(ge=1, le=100)] = 7.0

    @model_validator(mode="after")
    def _falls(self) -> ExplodingPath:
        if self.sigma_max <= self.sigma_min:
            raise ValueError("sigma_max should be above sigma_min")
        return self

    @property
    def first(self) -> float:
        """The share at ``sigma_max``."""
        return self.sigma_max / (1 + self.sigma_max)

    @property
    def last(self) -> float:
        """The share at ``sigma_min``."""
        return self.sigma_min / (1 + self.sigma_min)

    def scale(self, share: Tensor) -> Tensor:
        """``1 + sigma``."""
        return 1 / (1 - share)

    def clock(self, share: Tensor) -> Tensor:
        """The place on the ramp of equation 5."""
        power = 1 / self.rho
        high, low = self.sigma_max**power, self.sigma_min**power
        return torch.as_tensor((high - (share / (1 - share)) ** power) / (high - low))

    def share(self, t: Tensor) -> Tensor:
        """Equation 5."""
        power = 1 / self.rho
        high, low = self.sigma_max**power, self.sigma_min**power
        sigma = torch.as_tensor((high + t * (low - high)) ** self.rho)
        return sigma / (1 + sigma)

    def schedule(self, steps: int) -> Tensor:
        """From ``sigma_max`` to ``sigma_min``, both included."""
        return self.share(torch.linspace(0, 1, steps, dtype=torch.float64))


class PreconditionedPath(ExplodingPath):
    """The same, but the network sees ``X / sqrt(sigma^2 + sigma_data^2)`` (Karras et al., 2022)."""

    kind: Literal["edm"] = "edm"  # type: ignore[assignment]
    sigma_data: Positive = 0.5

    def scale(self, share: Tensor) -> Tensor:
        """``(1 + sigma) / sqrt(sigma^2 + sigma_data^2)``."""
        return 1 / torch.sqrt(share.square() + (self.sigma_data * (1 - share)).square())
