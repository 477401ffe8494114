"""A network as a team that infers parameters would write it: it knows nothing of Sureflow."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.posterior.two_moons import prior, simulate

Kind = Literal["flow", "diffusion"]

BETA_MIN, BETA_MAX, LEAST_TIME = 0.1, 20.0, 1e-3
"""Of the variance-preserving diffusion (Song et al., 2021)."""

BATCH = 512
DECAY = 1e-3
"""Of the average of the weights that is kept."""


class Net(nn.Module):
    """Predicts a velocity, or noise, at parameters ``theta`` for an observation."""

    frequencies: Tensor

    def __init__(self, width: int = 128, depth: int = 4, octaves: int = 6) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.pi * 2.0 ** torch.arange(octaves))
        self.first = nn.Linear(5 * (1 + 2 * octaves), width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, 2)

    def forward(self, theta: Tensor, time: Tensor, observation: Tensor) -> Tensor:
        """The prediction ``[B, 2]``."""
        rows = torch.cat([theta, observation, time[:, None]], 1)
        waves = (rows[..., None] * self.frequencies / 4).flatten(1)
        h = F.silu(self.first(torch.cat([rows, waves.sin(), waves.cos()], 1)))
        for block in self.blocks:
            h = h + F.silu(block(h))
        out: Tensor = self.last(h)
        return out


def simulations(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """What the team has: parameters and observations, ``[count, 2]`` each, in float32."""
    generator = torch.Generator().manual_seed(seed)
    theta = prior(count, generator)
    return theta.float(), simulate(theta, generator).float()


def train(kind: Kind, theta: Tensor, observed: Tensor, steps: int, seed: int) -> Net:
    """Train by flow matching, or by denoising with the time from 0 at the data to 1."""
    torch.manual_seed(seed)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    average = copy.deepcopy(net).requires_grad_(False)
    for _ in range(steps):
        chosen = torch.randint(len(theta), (BATCH,))
        data, noise = theta[chosen], torch.randn(BATCH, 2)
        time = torch.rand(BATCH) * (1 - LEAST_TIME) + LEAST_TIME
        if kind == "flow":
            state, target = _between(data, noise, time)
        else:
            state, target = _noised(data, noise, time)
        loss = (net(state, time, observed[chosen]) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for mean, now in zip(average.parameters(), net.parameters(), strict=True):
                mean.lerp_(now, DECAY)
    return average.eval()


def _between(data: Tensor, noise: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    time = time[:, None]
    return time * data + (1 - time) * noise, data - noise


def _noised(data: Tensor, noise: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    depth = time.square() * (BETA_MAX - BETA_MIN) / 4 + time * BETA_MIN / 2
    signal = torch.exp(-depth)[:, None]
    return signal * data + (1 - signal.square()).sqrt() * noise, noise
