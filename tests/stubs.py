"""Networks and models with known answers, for tests."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sureflow.card import ModelCard
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork
from sureflow.sampling.flow import Flow


def model_of(network: VelocityNetwork) -> Model:
    names = tuple(str(label) for label in range(network.classes))
    card = ModelCard("test", "sha256:0", "vector", network.shape, names, 0)
    return Model(card, network.eval(), None)


class Scripted(VelocityNetwork):
    """Velocity and variance given by plain functions of (x, t, label)."""

    def __init__(self, velocity, variance=None, shape=(2,), classes=0) -> None:
        super().__init__(shape, classes, floor=0.0)
        self.noise = nn.ModuleDict()
        self.velocity = velocity
        self.variance = variance or (lambda x, t, label: torch.ones_like(x))

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        mean = self.velocity(x, t, label)
        return Moments(mean, self.variance(x, t, label) if noisy else None)


def drive(flow: Flow, network: VelocityNetwork, count: int) -> dict[int, int]:
    """Tick the lanes in slots 0 .. count - 1 to their end; returns ticks by slot."""
    running, ticks = np.arange(count), dict.fromkeys(range(count), 0)
    while len(running):
        rows = flow.rows(running)
        replies = network.moments(rows.x, rows.t, rows.label)
        done, diverged = flow.advance(running, replies)
        assert not diverged.any()
        for slot in running.tolist():
            ticks[slot] += 1
        running = running[~done]
    return ticks
