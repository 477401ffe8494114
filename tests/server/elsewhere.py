"""A network whose last bits are those of a machine with other kernels, where a variable says so."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork

KERNELS = "KERNELS_OF_TESTS"
"""Environment variable: a number that stands for the kernels of a machine."""


class Elsewhere(VelocityNetwork):
    """Velocity ``1 - x``, off in the last digits by the number of the kernels."""

    trained = False

    def __init__(self) -> None:
        super().__init__((2,), 0, floor=0.0)
        self.noise = nn.ModuleDict()
        self.error = 1e-6 * int(os.environ.get(KERNELS, "0"))

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        return Moments((1 - x) * (1 + self.error), torch.ones_like(x) if noisy else None)


def install(folder: Path) -> Path:
    """Make a folder in which a distribution with this network is installed."""
    info = folder / "elsewhere-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[sureflow.networks]\nelsewhere = tests.server.elsewhere:Elsewhere\n"
    )
    return folder
