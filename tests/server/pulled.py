"""A network from elsewhere that is conditioned on a vector; its samples are known."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition
from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork

WIDTH = 0.5
"""Standard deviation of the data around what they are pulled to."""


class Pulled(VelocityNetwork):
    """The exact velocity to ``N(y, WIDTH^2)`` for the condition ``y``, null being 0.

    It is affine in ``y``, so that guidance by ``g`` away from null is the condition ``g y``.
    """

    trained = False

    def __init__(self) -> None:
        super().__init__((2,), 0, floor=0.0)
        self.noise = nn.ModuleDict()
        self.conditions = {"y": Condition("vector", (2,), says="where samples are, in data units")}

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        y, t = given.get("y", torch.zeros_like(x)), t.view(-1, 1)
        variance = (1 - t) ** 2 + (t * WIDTH) ** 2
        mean = y + (t * WIDTH**2 - (1 - t)) / variance * (x - t * y)
        return Moments(mean, torch.ones_like(x) if noisy else None)


def install(folder: Path) -> Path:
    """Make a folder in which a distribution with this network is installed."""
    info = folder / "pulled-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pulled\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[sureflow.networks]\npulled = tests.server.pulled:Pulled\n"
    )
    return folder
