"""A foreign network whose velocity is exact: that of one Gaussian, around what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.networks import build

DEVIATION = 0.5


class Gaussian(nn.Module):
    """Of data ``N(shift, 0.25)``; its output is that of a linear layer that is named first."""

    def __init__(self, size: int = 2, linear: bool = True, sign: float = 1.0) -> None:
        super().__init__()
        self.last = nn.Linear(size, size, bias=False) if linear else nn.Identity()
        self.scale = nn.Parameter(torch.tensor(sign))
        self.first = nn.Linear(size, size, bias=False)
        for layer in (self.first, self.last):
            if isinstance(layer, nn.Linear):
                nn.init.eye_(layer.weight)

    def forward(
        self, x: Tensor, t: Tensor, label: Tensor | None = None, shift: Tensor | None = None
    ) -> Tensor:
        """The velocity."""
        t = t[:, None]
        mean = torch.zeros_like(x) if shift is None else shift
        power = DEVIATION**2
        slope = (t * power - (1 - t)) / ((1 - t) ** 2 + t**2 * power)
        v = mean + slope * (self.first(x) - t * mean)
        return self.last(self.scale * v)  # type: ignore[no-any-return]


def write(folder: Path, classes: tuple[str, ...] = (), **settings: Any) -> Path:
    """A checkpoint of it, as importing writes it, under the base ``gaussian``."""
    arguments = settings.pop("arguments", {})
    network = {"kind": "frozen", "base": "gaussian", "arguments": arguments, "shape": [2]}
    network |= {"classes": len(classes), "variance": "none", **settings}
    config = CheckpointConfig(name="mine", media="vector", classes=classes, network=network)
    save(folder, config, build(network))
    return folder


def samples(count: int, shift: Tensor | float = 0.0) -> Tensor:
    """Samples of it."""
    generator = torch.Generator().manual_seed(1)
    return shift + DEVIATION * torch.randn(count, 2, generator=generator)
