"""A posterior that is Gaussian, and networks of it that are exact on any path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

NOISE = 0.5
"""Deviation of the simulator's noise; parameters are standard normal."""


@dataclass(frozen=True)
class Case:
    """A simulator ``x = A theta + noise``, and a path.

    Attributes:
        design: ``A``, 2 by 2.
        betas: ``beta_min`` and ``beta_max`` of the variance-preserving path of a network that
            predicts noise; ``None``: the linear path of one that predicts a velocity.
    """

    design: Sequence[Sequence[float]]
    betas: tuple[float, float] | None

    @property
    def adapter(self) -> dict[str, Any]:
        """What ``sureflow import`` is told."""
        condition = {"kind": "vector", "shape": [2], "says": "the observation", "required": True}
        told = {"shape": [2], "conditions": {"observation": condition}}
        if self.betas is None:
            return told
        low, high = self.betas
        path = {"kind": "vp", "beta_min": low, "beta_max": high}
        return {**told, "path": path, "prediction": "noise", "arguments": {"betas": [low, high]}}

    @property
    def coupling(self) -> tuple[float, float]:
        """``a, b``: what there is of data and of noise where the path begins."""
        if self.betas is None:
            return 0.0, 1.0
        signal = float(_signal(torch.zeros((), dtype=torch.float64), self.betas))
        return signal, math.sqrt(1 - signal**2)

    def network(self) -> LinearGaussian:
        """The exact network."""
        found = LinearGaussian(self.betas)
        design = torch.tensor(self.design, dtype=torch.float64)
        spread = torch.linalg.inv(torch.eye(2, dtype=torch.float64) + design.mT @ design / NOISE**2)
        values, vectors = torch.linalg.eigh(spread)
        tensors = {"mean": spread @ design.mT / NOISE**2, "values": values, "vectors": vectors}
        found.load_state_dict(tensors)
        return found

    def densities(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-densities ``[n]`` of the posterior, and of the samples that an exact flow makes.

        The flow maps ``y_0 = a theta + b noise`` to ``theta``, a linear map, and begins with
        standard normal noise instead.
        """
        net, (a, b) = self.network(), self.coupling
        mean, deviation = net.mean @ x.double(), net.values.sqrt()
        z = (theta.double() - mean) @ net.vectors / deviation
        begun = (a**2 * net.values + b**2).sqrt()  # the deviation of y_0 along each axis
        y = a * mean @ net.vectors + begun * z
        scale, constant = deviation.log().sum(), math.log(math.tau)
        posterior = -0.5 * z.square().sum(1) - scale - constant
        made = -0.5 * y.square().sum(1) + (begun.log() - deviation.log()).sum() - constant
        return posterior, made


class LinearGaussian(nn.Module):
    """What a perfect network says of ``N(M x, S)``: a velocity, or noise on a path of betas."""

    mean: Tensor
    values: Tensor
    vectors: Tensor

    def __init__(self, betas: Sequence[float] | None = None) -> None:
        super().__init__()
        self.betas = betas
        for name, like in (("mean", (2, 2)), ("values", (2,)), ("vectors", (2, 2))):
            self.register_buffer(name, torch.ones(like, dtype=torch.float64))

    def forward(self, theta: Tensor, t: Tensor, observation: Tensor) -> Tensor:
        """The prediction ``[B, 2]``."""
        mean, t = (self.mean * observation.double()[:, None]).sum(-1), t.double()[:, None]
        signal = t if self.betas is None else _signal(t, self.betas)
        noise = 1 - t if self.betas is None else (1 - signal.square()).sqrt()
        spread = signal.square() * self.values + noise.square()
        off = ((theta.double() - signal * mean)[:, :, None] * self.vectors).sum(1) / spread
        if self.betas is None:
            along, base = (signal * self.values - noise) * off, mean
        else:
            along, base = noise * off, torch.zeros_like(mean)
        out: Tensor = base + (self.vectors * along[:, None]).sum(-1)
        return out.to(theta.dtype)


def _signal(t: Tensor, betas: Sequence[float]) -> Tensor:
    (low, high), tau = betas, 1 - t
    return torch.exp(-tau.square() * (high - low) / 4 - tau * low / 2)


ALIGNED, SKEW = ((1.0, 0.0), (0.0, 0.3)), ((1.0, 0.9), (-0.3, 0.6))
CASES = {
    "linear, aligned": Case(ALIGNED, None),
    "linear, skew": Case(SKEW, None),
    "vp to 20, aligned": Case(ALIGNED, (0.1, 20.0)),
    "vp to 20, skew": Case(SKEW, (0.1, 20.0)),
    "vp to 8, aligned": Case(ALIGNED, (0.1, 8.0)),
}
"""Aligned: the axes of the posterior are those of the parameters."""
