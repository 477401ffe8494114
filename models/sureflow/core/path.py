"""Probability paths from noise to data, and conversions between kinds of prediction on them.

Time runs from noise at ``t = 0`` to data at ``t = 1``: ``x_t = alpha(t) x1 + sigma(t) x0``, where
``x0 ~ N(0, I)`` and the data ``x1`` are independent; ``v = E[alpha' x1 + sigma' x0 | x_t]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.transfer import to_device

Time = Tensor | float
"""One time for all rows, or a time per row ``[B]``."""

Prediction = Literal["velocity", "noise", "data", "v"]
"""What a network predicts: the velocity; the noise ``E[x0 | x_t]``; the data ``E[x1 | x_t]``; or
``v``, the mean of ``alpha x0 - sigma x1`` (Salimans and Ho, Progressive Distillation, 2022)."""


def broadcast(t: Tensor, like: Tensor) -> Tensor:
    """Reshape times ``[B]`` so that they multiply samples ``[B, *shape]``."""
    return t.reshape(-1, *(1 for _ in like.shape[1:]))


def factors(numbers: npt.NDArray[Any], like: Tensor) -> Tensor:
    """Numbers in host memory ``[B]``, in float32, so that they multiply samples ``[B, *shape]``."""
    return broadcast(to_device(numbers.astype(np.float32), like.device), like)


def _shaped(t: Time, like: Tensor) -> Time:
    return broadcast(t, like) if isinstance(t, Tensor) else t


class Path(ABC):
    """An affine path. A subclass defines ``alpha``, ``sigma`` and their derivatives in time."""

    @abstractmethod
    def alpha(self, t: Time) -> tuple[Time, Time]:
        """Factor of the data, and its derivative."""

    @abstractmethod
    def sigma(self, t: Time) -> tuple[Time, Time]:
        """Factor of the noise, and its derivative."""

    def interpolate(self, x0: Tensor, x1: Tensor, t: Time) -> Tensor:
        """Point ``x_t`` on the path from noise ``x0`` to data ``x1``."""
        time = _shaped(t, x0)
        return self.sigma(time)[0] * x0 + self.alpha(time)[0] * x1

    def ends(self, x: Tensor, t: Time, velocity: Tensor) -> tuple[Tensor, Tensor]:
        """Expected noise and expected data, ``E[x0 | x_t]`` and ``E[x1 | x_t]``."""
        time = _shaped(t, x)
        (alpha, rise), (sigma, fall) = self.alpha(time), self.sigma(time)
        determinant = alpha * fall - sigma * rise
        noise, data = alpha * velocity - rise * x, fall * x - sigma * velocity
        return noise / determinant, data / determinant

    def score(self, x: Tensor, t: Time, velocity: Tensor) -> Tensor:
        """Score function ``grad log p_t(x) = -E[x0 | x_t] / sigma``, for ``sigma > 0``."""
        return -self.ends(x, t, velocity)[0] / self.sigma(_shaped(t, x))[0]

    def velocity(self, prediction: Prediction, out: Tensor, x: Tensor, t: Time) -> Tensor:
        """Convert what a network predicts at ``x [B, *shape]`` to the velocity."""
        if prediction == "velocity":
            return out
        time = _shaped(t, x)
        (alpha, rise), (sigma, fall) = self.alpha(time), self.sigma(time)
        if prediction == "noise":
            return rise * (x - sigma * out) / alpha + fall * out
        if prediction == "data":
            return rise * out + fall * (x - alpha * out) / sigma
        length = alpha**2 + sigma**2
        data, noise = (alpha * x - sigma * out) / length, (sigma * x + alpha * out) / length
        return rise * data + fall * noise


class Linear(Path):
    """``x_t = t x1 + (1 - t) x0``: straight lines, on which the velocity is ``x1 - x0``."""

    def alpha(self, t: Time) -> tuple[Time, Time]:
        """``t`` and 1."""
        return t, 1.0

    def sigma(self, t: Time) -> tuple[Time, Time]:
        """``1 - t`` and -1."""
        return 1 - t, -1.0

    def ends(self, x: Tensor, t: Time, velocity: Tensor) -> tuple[Tensor, Tensor]:
        """``x_t - t v`` and ``x_t + (1 - t) v``."""
        time = _shaped(t, x)
        return x - time * velocity, x + (1 - time) * velocity

    def score(self, x: Tensor, t: Time, velocity: Tensor) -> Tensor:
        """``(t v - x) / (1 - t)``, for ``t < 1``."""
        time = _shaped(t, x)
        return (time * velocity - x) / (1 - time)


LINEAR = Linear()


def sample_times(count: int, kind: str, generator: torch.Generator) -> Tensor:
    """Draw training times ``[count]`` in (0, 1).

    ``kind`` is ``uniform``, or ``middle``: logit-normal for four draws in five, which spends the
    network's capacity where the velocity is hardest, and uniform for the rest.

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
